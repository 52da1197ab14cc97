import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
];
const axePath = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** launch starts the system's Chromium with a profile of its own, which close removes. */
export async function launch(executablePath) {
  const profile = await mkdtemp(join(tmpdir(), "summit-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: flags,
    viewport: { width: 1440, height: 900 },
    deviceScaleFactor: 1,
    // Pictures and colour checks must not catch a panel while it fades in.
    reducedMotion: "reduce",
  });
  const close = async () => {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  };
  return { context, close };
}

/** watch gathers what must not happen on any page: console errors, uncaught errors, failed requests, other origins. */
export function watch(page, baseUrl, allowed = () => false) {
  const faults = [];
  const origin = new URL(baseUrl).origin;
  const add = (fault) => allowed(fault) || faults.push(fault);
  page.on("console", (message) => message.type() === "error" && add(`console: ${message.text()} (${message.location().url})`));
  page.on("pageerror", (error) => add(`uncaught: ${error.message}`));
  page.on("response", (response) => response.status() >= 400 && add(`HTTP ${response.status()}: ${response.url()}`));
  page.on("request", (request) => {
    const url = request.url();
    if (/^https?:/.test(url) && new URL(url).origin !== origin) add(`request to another origin: ${url}`);
  });
  return faults;
}

/** axe runs accessibility rules in the page and gives the serious and critical findings. */
export async function axe(page) {
  const found = await page.evaluate("Boolean(window.axe)");
  // The content policy forbids injected script elements; evaluating the source isn't one.
  if (!found) {
    const { readFile } = await import("node:fs/promises");
    await page.evaluate(`${await readFile(axePath, "utf8")};undefined`);
  }
  const { violations } = await page.evaluate("axe.run(document, { resultTypes: ['violations'] })");
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, impact, help, nodes }) => `axe ${impact} ${id}: ${help} at ${nodes.map((node) => node.target.join(" ")).join(" | ")}`);
}

export async function setTheme(page, theme) {
  await page.evaluate((value) => localStorage.setItem("summit.theme", value), theme);
  await page.reload();
}
