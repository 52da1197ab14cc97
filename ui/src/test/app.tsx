import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createMemoryHistory, RouterProvider } from "@tanstack/react-router";
import { render } from "@testing-library/react";
import { vi } from "vitest";
import type { ErrorGroup, Page, Service, Status } from "@/api/types";
import { makeRouter } from "@/app/router";

/** What a path of the API answers: a body for 200, or a status with a body. A function sees the parameters. */
export type Answer = object | { status: number; body: object } | ((params: URLSearchParams) => object);

function isFailure(answer: object): answer is { status: number; body: object } {
  return "status" in answer && "body" in answer;
}

export function jsonResponse(body: object, status = 200, type = "application/json") {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": type } });
}

/** answerWith replaces fetch; it gives the list of requests made, as path and parameters. */
export function answerWith(answers: Record<string, Answer>) {
  const asked: URL[] = [];
  vi.stubGlobal("fetch", (input: string) => {
    const url = new URL(input, "http://summit.test");
    asked.push(url);
    const found = answers[url.pathname.replace("/api/v1", "")];
    if (!found) return Promise.resolve(jsonResponse({ title: "Not found", status: 404 }, 404, "application/problem+json"));
    const answer = typeof found === "function" ? found(url.searchParams) : found;
    return Promise.resolve(
      isFailure(answer) ? jsonResponse(answer.body, answer.status, "application/problem+json") : jsonResponse(answer),
    );
  });
  return asked;
}

/** renderApp shows the application at an address; the router tells where it went. */
export function renderApp(address: string) {
  const router = makeRouter(createMemoryHistory({ initialEntries: [address] }));
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  render(
    <QueryClientProvider client={queries}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return router;
}

export function page<T>(items: T[], more: Partial<Page<T>> = {}): Page<T> {
  return { items, next: null, partial: false, sampled: false, ...more };
}

export function status(items: number): Status {
  const signals = (["traces", "logs", "metrics", "builds", "deployments", "errors"] as const).map((signal) => ({
    signal,
    items,
    last_at: null,
  }));
  return { version: "1", tenant: "default", ready: true, store: { kind: "embedded", version: "1", detail: "" }, signals };
}

export const noServices = page<Service>([]);

export function errorGroup(change: Partial<ErrorGroup> = {}): ErrorGroup {
  return {
    fingerprint: "v1:0123456789abcdef0123456789abcdef",
    type: "KeyError",
    title: "KeyError: 'discount'",
    culprit: "pricing.apply",
    service: "pricing",
    environment: "production",
    events: 96,
    users: 7,
    first_seen: "2026-05-01T10:00:00Z",
    last_seen: "2026-05-01T11:00:00Z",
    first_commit: "2f05d4b689d270cafb02285f35f44866f7dc8a2d",
    first_build: "github:github.com:acme/shop:4711:1",
    last_commit: "",
    last_build: "",
    versions: ["2.14.0"],
    trend: [
      { time: "2026-05-01T10:00:00Z", events: 90 },
      { time: "2026-05-01T10:30:00Z", events: 6 },
    ],
    sample_trace_id: "",
    correlation: { commit_sha: "", build_run_id: "", deployment_id: "", basis: "none" },
    ...change,
  };
}
