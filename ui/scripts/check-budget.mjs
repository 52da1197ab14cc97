// Fails when the application outgrows its budgets. Sizes are gzip sizes of scripts and styles: the entry with all it
// imports statically, and each lazily loaded part with what it adds to the entry.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const dist = new URL("../dist/", import.meta.url);
const budgets = { entry: 150_000, route: 90_000 };

let manifest;
try {
  manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", dist), "utf8"));
} catch {
  console.error("check:budget: no dist/.vite/manifest.json; run npm run build first");
  process.exit(1);
}

function closure(key, found = new Set()) {
  if (found.has(key)) return found;
  found.add(key);
  for (const next of manifest[key]?.imports ?? []) closure(next, found);
  return found;
}

const sizes = new Map();
function gzipSize(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length);
  return sizes.get(file);
}

function filesOf(keys) {
  return new Set([...keys].flatMap((key) => [manifest[key].file, ...(manifest[key].css ?? [])]));
}

const entryKey = Object.keys(manifest).find((key) => manifest[key].isEntry);
const entry = filesOf(closure(entryKey));
const sum = (files) => [...files].reduce((total, file) => total + gzipSize(file), 0);

const rows = [{ name: "entry", bytes: sum(entry), budget: budgets.entry }];
for (const key of Object.keys(manifest).filter((one) => manifest[one].isDynamicEntry)) {
  const own = [...filesOf(closure(key))].filter((file) => !entry.has(file));
  rows.push({ name: key.replace(/^src\//, ""), bytes: sum(own), budget: budgets.route });
}

const over = rows.filter((row) => row.bytes > row.budget);
for (const { name, bytes, budget } of rows) {
  const kb = (value) => `${(value / 1000).toFixed(1)} kB`;
  console.log(`${bytes > budget ? "OVER" : "ok  "} ${kb(bytes).padStart(9)} of ${kb(budget).padStart(9)}  ${name}`);
}
if (over.length > 0) {
  console.error(`check:budget: ${over.map((row) => row.name).join(", ")} over budget`);
  process.exit(1);
}
