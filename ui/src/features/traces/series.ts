/** seriesFill is the colour of a service's number, as CSS. */
export function seriesFill(series: number): string {
  return `var(--c-s${(series % 8) + 1})`;
}

/** resolveColor gives a canvas what it needs: the computed value of a token, which depends on the theme. */
export function resolveColor(host: HTMLElement, css: string): string {
  const probe = document.createElement("span");
  probe.style.color = css;
  host.append(probe);
  const color = getComputedStyle(probe).color;
  probe.remove();
  return color;
}
