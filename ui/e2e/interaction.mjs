import { axe } from "./browser.mjs";

/** attempt runs one step and turns its failure into a line. */
async function attempt(failed, what, step) {
  try {
    const wrong = await step();
    if (wrong) failed.push(`${what}: ${wrong}`);
  } catch (error) {
    failed.push(`${what}: ${error.message.split("\n")[0]}`);
  }
}

async function rowKeys(page) {
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  const second = await page.evaluate("[...document.querySelectorAll('[data-row]')].indexOf(document.activeElement)");
  const rows = await page.locator("[data-row]").count();
  if (second !== Math.min(1, rows - 1)) return `row ${second} has the focus after j j`;
  await page.keyboard.press("Enter");
  await page.waitForSelector("section[aria-label=Error]");
  if ((await page.locator("[data-row]").count()) === 0) return "the list is gone while the panel is open";
  if (!new URL(page.url()).searchParams.get("open")) return "the address doesn't hold the open row";
  await page.keyboard.press("Escape");
  await page.waitForSelector("section[aria-label=Error]", { state: "detached" });
  return null;
}

async function goKeys(page) {
  await page.keyboard.press("g");
  await page.keyboard.press("t");
  await page.waitForSelector("h1:text-is('Traces')");
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await page.waitForSelector("h1:text-is('Builds')");
  await page.keyboard.press("/");
  if (!(await page.evaluate("document.activeElement?.matches('[data-filter]')"))) return "/ doesn't focus the filter";
  await page.keyboard.press("Escape");
  return null;
}

async function helpKey(page) {
  await page.keyboard.press("?");
  await page.waitForSelector("[role=dialog]");
  const found = await axe(page);
  await page.keyboard.press("Escape");
  await page.waitForSelector("[role=dialog]", { state: "detached" });
  return found[0];
}

async function palette(page, fingerprint) {
  await page.keyboard.press("Control+k");
  await page.waitForSelector("[cmdk-input]");
  const found = await axe(page);
  await page.keyboard.type(fingerprint ?? "Traces page");
  await page.waitForSelector("[cmdk-item][data-selected=true]");
  await page.keyboard.press("Enter");
  await page.waitForURL(fingerprint ? (url) => url.pathname.endsWith(fingerprint) : /\/traces/);
  return found[0];
}

async function timeRange(page) {
  await page.getByRole("button", { name: /^Last/ }).first().click();
  await page.getByRole("button", { name: "Last 7 days" }).click();
  await page.waitForURL(/from=now-7d/);
  const found = await axe(page);
  await page.goBack();
  if (page.url().includes("from=now-7d")) return "back doesn't undo the range";
  return found[0];
}

/** checkInteraction works the application by keyboard: rows and panel, pages, filter, help, palette, time range. */
export async function checkInteraction(page, url, { fingerprint, timeout }) {
  const failed = [];
  await page.goto(url);
  const rows = await page
    .waitForSelector("tbody tr", { timeout })
    .then(() => true)
    .catch(() => false);
  if (rows) await attempt(failed, "rows", () => rowKeys(page));
  await attempt(failed, "time range", () => timeRange(page));
  await attempt(failed, "go", () => goKeys(page));
  await attempt(failed, "help", () => helpKey(page));
  await attempt(failed, "palette", () => palette(page, fingerprint));
  return failed;
}
