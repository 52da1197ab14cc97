const order = ["commit", "build", "tests", "artifact", "deploy", "traces", "errors", "sessions"];

const words = { digest: "by digest", revision: "by revision", version: "by version", time: "guess, by time" };

/** readStrip gives each step as the page shows it. The evidence is read from the opened list, as a reader would. */
async function readStrip(page) {
  await page.locator("[aria-label='Path to customer'] summary").click();
  return page.evaluate(() => {
    const section = document.querySelector("[aria-label='Path to customer']");
    const evidence = [...section.querySelectorAll("details dl > div dd:last-child")].map((node) => node.innerText);
    return [...section.querySelectorAll("[data-hop]")].map((hop, at) => ({
      kind: hop.dataset.hop,
      state: hop.dataset.state,
      status: hop.dataset.status,
      basis: hop.dataset.basis,
      text: hop.innerText,
      id: hop.dataset.id,
      href: hop.querySelector("a")?.getAttribute("href") ?? "",
      evidence: evidence[at] ?? "",
    }));
  });
}

// An artifact or a deployment of an unknown build has no page to lead to; all else that is known has one.
const linked = new Set(["commit", "build", "tests", "traces", "errors"]);

/** checkHop holds for every path: what is known links on, what isn't says so, and a basis is told in words. */
function checkHop(hop) {
  const wrong = [];
  const text = hop.text.toLowerCase();
  if (hop.state === "known" && !hop.href && linked.has(hop.kind)) wrong.push(`${hop.kind} is known but leads nowhere`);
  if (hop.state === "unknown" && !text.includes("not known")) wrong.push(`${hop.kind} is unknown but doesn't say so`);
  if (hop.state === "none" && !text.includes("none")) wrong.push(`${hop.kind} is none but doesn't say so`);
  if (hop.state === "known" && hop.status === "failed" && !text.includes("failing")) wrong.push(`${hop.kind} failed without a word for it`);
  if (hop.state === "known" && words[hop.basis] && !text.includes(words[hop.basis])) {
    wrong.push(`${hop.kind} rests on ${hop.basis} but reads ${JSON.stringify(hop.text)}`);
  }
  return wrong;
}

/** holds tells whether a step shows or leads to a value; addresses are compared decoded. */
function holds(hop, value) {
  if (!hop || hop.state !== "known") return false;
  const href = decodeURIComponent(hop.href);
  return hop.id === value || href.includes(value) || hop.text.includes(value);
}

/** checkStrip compares the path on the page with what the caller knows to be true. */
export async function checkStrip(page, expected) {
  const hops = await readStrip(page);
  const at = Object.fromEntries(hops.map((hop) => [hop.kind, hop]));
  const wrong = hops.flatMap(checkHop);
  const kinds = hops.map((hop) => hop.kind).join(" ");
  if (kinds !== order.join(" ")) wrong.push(`steps are "${kinds}"`);
  const { commit, build, deployment, basis, evidence } = expected;
  if (commit && !(holds(at.commit, commit) && at.commit.text.includes(commit.slice(0, 7)))) wrong.push(`commit step doesn't name ${commit}: ${JSON.stringify(at.commit)}`);
  if (build && !holds(at.build, build)) wrong.push(`build step doesn't lead to ${build}: ${JSON.stringify(at.build)}`);
  if (deployment && !holds(at.deploy, deployment)) wrong.push(`deploy step doesn't lead to ${deployment}: ${JSON.stringify(at.deploy)}`);
  if (basis && !hops.some((hop) => hop.state === "known" && hop.text.includes(words[basis]))) wrong.push(`no step rests on ${basis}`);
  if (evidence && !hops.some((hop) => hop.evidence.includes(evidence))) wrong.push(`no evidence holds ${JSON.stringify(evidence)}`);
  return wrong.map((one) => `path: ${one}`);
}
