import { describe, expect, it } from "vitest";
import { deployment, dora } from "@/test/analysis";
import { behind, looksOf, perDay } from "./metrics";

describe("looksOf", () => {
  it("shows the five metrics with what they rest on", () => {
    const looks = looksOf(dora());
    expect(looks.map((look) => [look.title, look.value])).toEqual([
      ["Deployment frequency", "2.0 a day"],
      ["Change lead time", "2h 00m"],
      ["Change fail rate", "25 %"],
      ["Failed deployment recovery", "30m 00s"],
      ["Deployment rework rate", "5.0 %"],
    ]);
    expect(looks[2]?.note).toBe("1 of 4 decided, 2 undecided");
    expect(looks[2]?.course).toEqual([0.5, null]);
  });

  it("never shows an unknown number as zero", () => {
    const none = dora();
    none.metrics.lead_time.median_ns = null;
    none.metrics.change_fail_rate.rate = null;
    const looks = looksOf(none);
    expect(looks[1]?.value).toBe("–");
    expect(looks[2]?.value).toBe("–");
  });
});

describe("perDay", () => {
  it("picks the unit in which people think of it", () => {
    expect([perDay(0), perDay(3.25), perDay(0.5), perDay(0.05)]).toEqual(["none", "3.3 a day", "3.5 a week", "1.5 a month"]);
  });
});

describe("behind", () => {
  it("gives the deployments that a number is made of", () => {
    const list = [deployment({ id: "a", counts: ["deployment_frequency", "lead_time"] }), deployment({ id: "b", counts: ["change_fail_rate"] })];
    expect(behind(list, "lead_time").map((one) => one.id)).toEqual(["a"]);
    expect(behind(list)).toHaveLength(2);
  });
});
