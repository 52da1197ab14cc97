// Writes a .gz beside every text file of dist, so that the server sends it without compressing on each request.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const smallest = 1024;

for (const name of readdirSync(dist, { recursive: true })) {
  const file = join(dist, name);
  if (!/\.(js|css|html|svg)$/.test(name) || statSync(file).size < smallest) continue;
  // Without a time stamp inside, the same input gives the same bytes.
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
}
