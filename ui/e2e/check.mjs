// Drives the application in Chromium against a running server: every page in both themes, the path to the customer, the
// keyboard, accessibility. Exits 1 and says what is wrong when anything is.
//
//   node e2e/check.mjs --url http://127.0.0.1:8640 --fingerprint v1:… --trace … --build … \
//     --expect-commit SHA --expect-build ID --expect-deployment ID --expect-basis digest --screenshots DIR
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "./args.mjs";
import { axe, launch, setTheme, watch } from "./browser.mjs";
import { checkInteraction } from "./interaction.mjs";
import { checkStrip } from "./strip.mjs";

const known = {
  url: "address of queryd",
  fingerprint: "an error group to open",
  trace: "a trace to open",
  build: "a build to open",
  from: "start of the time range, default the page's own",
  screenshots: "folder for pictures; none without it",
  "expect-commit": "commit the paths must name",
  "expect-build": "build id the paths must lead to",
  "expect-deployment": "deployment id the paths must lead to",
  "expect-basis": "digest, revision, version or time, which some step of each path must rest on",
  "expect-evidence": "text some step's evidence must hold",
  "expect-rows": "names of lists that must have rows: errors,traces,builds,pipelines,flaky,dora",
  themes: "dark,light",
  timeout: "milliseconds to wait for data, default 15000",
  chromium: "path of the browser, default /usr/bin/chromium",
};

const args = parseArgs(process.argv.slice(2), known);
if (!args.url) throw new Error("--url is needed");
const timeout = Number(args.timeout ?? 15_000);
const base = args.url.replace(/\/$/, "");
const query = args.from ? `?from=${encodeURIComponent(args.from)}` : "";

// A list is ready when it has rows, or says why it has none.
const rowsOrReason = "tbody tr, main h2, [role=alert]";

const firstRow = "tbody a.row-link";

// What a row opens is part of the page; a list may have none and says why.
const openFirstRow = (panel) => async (page) => {
  const row = page.locator(firstRow).first();
  if ((await row.count()) === 0) return;
  await row.click();
  await page.waitForSelector(`section[aria-label=${panel}] h3`, { timeout });
};

const pages = [
  { name: "errors", path: `/errors${query}`, ready: rowsOrReason },
  { name: "traces", path: `/traces${query}`, ready: rowsOrReason },
  { name: "builds", path: `/builds${query}`, ready: rowsOrReason },
  { name: "pipelines", path: "/pipelines", ready: rowsOrReason, act: openFirstRow("Pipeline") },
  { name: "flaky", path: "/flaky", ready: rowsOrReason, act: openFirstRow("Test") },
  { name: "dora", path: "/dora", ready: rowsOrReason, act: openFirstRow("Deployment") },
  args.fingerprint && { name: "errors-panel", path: `/errors${query}${query ? "&" : "?"}open=${args.fingerprint}`, ready: "section[aria-label=Error] h3" },
  args.fingerprint && { name: "error", path: `/errors/${args.fingerprint}${query}`, ready: "[data-testid=lineage]", strip: true },
  args.trace && { name: "trace", path: `/traces/${args.trace}`, ready: "[data-testid=lineage]", strip: true, also: "[aria-label=Spans] [role=listitem]" },
  args.trace && {
    name: "trace-span",
    path: `/traces/${args.trace}`,
    ready: "[aria-label=Spans] [role=listitem]",
    act: (page) => page.keyboard.press("j"),
    also: "section[aria-label=Span] h3",
  },
  args.build && { name: "builds-panel", path: `/builds${query}${query ? "&" : "?"}open=${encodeURIComponent(args.build)}`, ready: "section[aria-label=Build] h3" },
  args.build && { name: "build", path: `/builds/${encodeURIComponent(args.build)}`, ready: "[data-testid=lineage]", strip: true, also: "[aria-label='Graph of jobs'] button" },
  args.build && { name: "build-timeline", path: `/builds/${encodeURIComponent(args.build)}?view=timeline`, ready: "[data-testid=lineage]" },
  args.build && { name: "build-compare", path: `/builds/${encodeURIComponent(args.build)}?view=compare`, ready: "[data-testid=lineage]" },
].filter(Boolean);

for (const name of args["expect-rows"]?.split(",") ?? []) {
  const list = pages.find((one) => one.name === name && one.ready === rowsOrReason);
  if (!list) throw new Error(`--expect-rows: ${name} is not a list`);
  list.ready = firstRow;
}

const expected = {
  commit: args["expect-commit"],
  build: args["expect-build"],
  deployment: args["expect-deployment"],
  basis: args["expect-basis"],
  evidence: args["expect-evidence"],
};

const problems = [];
let checks = 0;

async function visit(page, faults, { name, path, ready, act, also, strip }, theme) {
  const label = `${name} (${theme})`;
  await page.goto(base + path);
  await setTheme(page, theme);
  try {
    await page.waitForSelector(ready, { timeout });
    if (act) await act(page);
    if (also) await page.waitForSelector(also, { timeout });
    await page.waitForSelector(".skeleton", { state: "detached", timeout });
    await page.evaluate("document.fonts.ready");
  } catch (error) {
    problems.push(`${label}: ${error.message.split("\n")[0]}`);
  }
  if (args.screenshots) await page.screenshot({ path: join(args.screenshots, `${name}-${theme}.png`) });
  const found = await axe(page);
  if (strip) found.push(...(await checkStrip(page, expected)));
  found.push(...faults.splice(0));
  problems.push(...found.map((one) => `${label}: ${one}`));
  checks++;
  console.log(`${found.length === 0 ? "ok  " : "FAIL"} ${label}`);
}

const { context, close } = await launch(args.chromium ?? "/usr/bin/chromium");
try {
  if (args.screenshots) await mkdir(args.screenshots, { recursive: true });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(timeout);
  const faults = watch(page, base);
  for (const theme of (args.themes ?? "dark,light").split(",")) {
    for (const one of pages) await visit(page, faults, one, theme);
  }
  const failed = await checkInteraction(page, base + `/errors${query}`, { fingerprint: args.fingerprint, timeout });
  failed.push(...faults.splice(0));
  problems.push(...failed.map((one) => `interaction: ${one}`));
  checks++;
  console.log(`${failed.length === 0 ? "ok  " : "FAIL"} interaction`);
} finally {
  await close();
}

for (const problem of problems) console.error(problem);
console.log(`${checks} checks, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;
