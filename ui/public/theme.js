// Runs before the first paint, so that a stored or system theme never flashes. It is a file, not an inline script,
// because the content security policy allows scripts from this origin only.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("summit.theme");
  } catch {
    // Storage may be blocked; the system's preference is used then.
  }
  const dark = stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
