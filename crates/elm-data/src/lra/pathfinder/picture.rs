//! PNG images as grey values.

use std::io::{BufRead, Seek};

use png::{BitDepth, ColorType, Decoder, DecodingError, Limits, Transformations};

use crate::lra::grey::luma;

/// Most memory for what an image brings along besides its pixels (bytes).
const MOST_EXTRAS: usize = 1 << 20;

/// The `side * side` grey values of a PNG image of any kind, in raster order. Colours become grey by their luma, 16-bit
/// values are rounded to the nearest of 8 bits, and transparency is not looked at.
///
/// # Errors
/// If it cannot be read, is empty, not a PNG, damaged, or not `side` pixels wide and high.
pub fn decode_png(reader: impl BufRead + Seek, side: usize) -> Result<Vec<u8>, String> {
    let mut reader = reader;
    if reader
        .fill_buf()
        .map_err(|e| format!("cannot read it: {e}"))?
        .is_empty()
    {
        return Err("expected a PNG image, found an empty file".into());
    }
    let damaged = |e: DecodingError| format!("expected a whole PNG image ({e})");
    let mut decoder = Decoder::new_with_limits(reader, Limits { bytes: MOST_EXTRAS });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    // The size is checked before anything of that size is made.
    let info = decoder.read_header_info().map_err(|e| match e {
        DecodingError::Format(_) => format!("expected a PNG image, found something else ({e})"),
        e => damaged(e),
    })?;
    let (width, height) = (info.width, info.height);
    if [width, height].map(|n| n as usize) != [side, side] {
        return Err(format!(
            "expected an image of {side} x {side} pixels, found {width} x {height}"
        ));
    }
    let mut image = decoder.read_info().map_err(damaged)?;
    let size = image
        .output_buffer_size()
        .filter(|size| *size <= 8 * side * side)
        .ok_or("expected an image of 1 to 8 bytes per pixel, found more")?;
    let mut pixels = vec![0; size];
    let found = image.next_frame(&mut pixels).map_err(damaged)?;
    pixels.truncate(found.buffer_size());
    match found.bit_depth {
        BitDepth::Eight => {}
        BitDepth::Sixteen => {
            let wide = pixels.as_chunks().0.iter().map(|b| u16::from_be_bytes(*b));
            // white is 65 535 = 257 · 255
            pixels = wide.map(|v| ((u32::from(v) + 128) / 257) as u8).collect();
        }
        other => return Err(format!("expected 8 or 16 bits per value, found {other:?}")),
    }
    Ok(match found.color_type {
        ColorType::Grayscale => pixels,
        ColorType::GrayscaleAlpha => pixels.as_chunks().0.iter().map(|[g, _]| *g).collect(),
        ColorType::Rgb => pixels.as_chunks().0.iter().copied().map(luma).collect(),
        ColorType::Rgba => {
            let colours = pixels.as_chunks().0.iter();
            colours.map(|[r, g, b, _]| luma([*r, *g, *b])).collect()
        }
        ColorType::Indexed => return Err("expected colours, found a palette's indices".into()),
    })
}
