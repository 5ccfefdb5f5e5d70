// Headless Chromium for the tests.
import { chromium } from "playwright-core";

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** Starts it; CHROMIUM names another than Debian's. */
export function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** Notes what a page says on its console, the errors that nothing catches, and requests to other servers. */
export function listen(page, address, said) {
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const here = ["blob:", "data:"].includes(protocol) || `http://${host}/` === address;
    if (!here || request.method() !== "GET") said.push(`asked for ${request.method()} ${request.url()}`);
  });
}
