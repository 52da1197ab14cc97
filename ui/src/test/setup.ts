import { cleanup } from "@testing-library/react";
import { afterEach, vi } from "vitest";

// jsdom has none of these; the tests need them to exist, not to work.
Object.assign(window, {
  matchMedia: () => ({ matches: false, addEventListener: () => {}, removeEventListener: () => {} }),
  scrollTo: () => {},
});
Element.prototype.scrollIntoView = () => {};

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});
