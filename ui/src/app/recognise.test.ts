import { describe, expect, it } from "vitest";
import { recognise } from "./recognise";

const trace = "4bf92f3577b34da6a3ce929d0e0e4736";

describe("recognise", () => {
  it.each([
    [trace, "trace", trace],
    [` ${trace.toUpperCase()} `, "trace", trace],
    [`00-${trace}-00f067aa0ba902b7-01`, "trace", trace],
    ["4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "trace", trace],
    [`v1:${trace}`, "error", `v1:${trace}`],
    ["github:github.com:acme/shop:4711:1", "build", "github:github.com:acme/shop:4711:1"],
    ["2f05d4b", "commit", "2f05d4b"],
    ["2f05d4b689d270cafb02285f35f44866f7dc8a2d", "commit", "2f05d4b689d270cafb02285f35f44866f7dc8a2d"],
  ])("%s is a %s", (text, kind, id) => {
    expect(recognise(text)).toEqual({ kind, id });
  });

  it.each(["", "checkout", "facade service", "12345", "v1:short", `${trace}00`.slice(0, 45) + "zz"])("%j is only text", (text) => {
    expect(recognise(text)).toBeNull();
  });
});
