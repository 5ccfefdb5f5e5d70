//! The page itself, which is in the program: `web/src/board`, bundled by `web/build.sh`.

/// Path, content type and content.
pub(super) const PAGE: [(&str, &str, &str); 3] = [
    (
        "/",
        "text/html; charset=utf-8",
        include_str!("../../board/index.html"),
    ),
    (
        "/board.js",
        "text/javascript; charset=utf-8",
        include_str!("../../board/board.js"),
    ),
    (
        "/board.css",
        "text/css; charset=utf-8",
        include_str!("../../board/board.css"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small_and_asks_for_nothing_else() {
        let size: usize = PAGE.iter().map(|(_, _, text)| text.len()).sum();
        assert!(size < 150_000, "{size}");
        let [(_, _, html), (_, _, script), _] = PAGE;
        assert!(html.contains("src=\"board.js\"") && html.contains("href=\"board.css\""));
        assert!(html.contains("default-src 'none'"));
        // the plotting library's licence asks for its notice
        assert!(script.contains("Leon Sorokin") && script.contains("MIT License"));
    }
}
