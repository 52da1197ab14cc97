import { describe, expect, it, vi } from "vitest";
import { ApiError, apiUrl, getJson, shouldRetry } from "./fetcher";

function respond(body: BodyInit, init: ResponseInit & { type?: string } = {}) {
  const asked = vi.fn<typeof fetch>(() => Promise.resolve(new Response(body, { ...init, headers: { "content-type": init.type ?? "application/json" } })));
  vi.stubGlobal("fetch", asked);
  return asked;
}

async function failure(promise: Promise<unknown>): Promise<ApiError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ApiError);
  return error as ApiError;
}

describe("apiUrl", () => {
  it("leaves out what is absent and repeats what is many", () => {
    expect(apiUrl("/traces", { service: "", name: undefined, attr: ["a=1", "b=2"], limit: 5 })).toBe(
      "/api/v1/traces?attr=a%3D1&attr=b%3D2&limit=5",
    );
  });
});

describe("getJson", () => {
  it("reads a body and passes parameters on", async () => {
    const asked = respond('{"items":[1]}');
    expect(await getJson("/errors", { from: "now-1h" })).toEqual({ items: [1] });
    expect(asked).toHaveBeenCalledWith("/api/v1/errors?from=now-1h", expect.anything());
  });

  it("understands a problem document", async () => {
    respond('{"title":"Bad parameter","detail":"status must be one of ok, error","field":"status","allowed":["ok","error"]}', {
      status: 422,
      type: "application/problem+json",
    });
    const error = await failure(getJson("/traces"));
    expect(error.status).toBe(422);
    expect(error.message).toBe("status must be one of ok, error");
    expect(error.problem.allowed).toEqual(["ok", "error"]);
  });

  it("keeps the status of an answer that is no problem document", async () => {
    respond("<h1>Bad gateway</h1>", { status: 502, statusText: "Bad Gateway", type: "text/html" });
    const error = await failure(getJson("/traces"));
    expect([error.status, error.message]).toEqual([502, "Bad Gateway"]);
  });

  it("survives a problem document that isn't JSON", async () => {
    respond("{", { status: 500, statusText: "Internal Server Error", type: "application/problem+json" });
    expect((await failure(getJson("/traces"))).problem.title).toBe("Internal Server Error");
  });

  it("refuses a page where data was expected", async () => {
    respond("<html></html>", { type: "text/html" });
    expect((await failure(getJson("/status"))).message).toContain("text/html");
  });

  it("says when nobody answers", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("Failed to fetch")));
    expect((await failure(getJson("/status"))).status).toBe(0);
  });

  it("passes an abort on as it is", async () => {
    const reason = new DOMException("aborted", "AbortError");
    vi.stubGlobal("fetch", () => Promise.reject(reason));
    await expect(getJson("/status", {}, AbortSignal.abort())).rejects.toBe(reason);
  });
});

describe("shouldRetry", () => {
  it.each([
    [0, 0, true],
    [0, 503, true],
    [0, 429, true],
    [0, 404, false],
    [0, 500, false],
    [2, 503, false],
  ])("after %i failures with %i: %s", (failures, status, retried) => {
    expect(shouldRetry(failures, new ApiError(status, {}))).toBe(retried);
  });

  it("never repeats a fault of the page's own", () => {
    expect(shouldRetry(0, new TypeError("x is undefined"))).toBe(false);
  });
});
