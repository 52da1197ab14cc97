import type { Problem } from "./types";

/** ApiError is any answer that isn't a success: a problem document, a bare status, or no answer at all (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.detail || problem.title || `the server answered ${status}`);
    this.name = "ApiError";
    this.status = status;
    this.problem = problem;
  }
}

export type ParamValue = string | number | string[] | undefined | null;
export type Params = Record<string, ParamValue>;

/** apiUrl builds a path under /api/v1; empty and absent parameters are left out, arrays repeat the key. */
export function apiUrl(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(key, String(one));
  }
  const text = query.toString();
  return `/api/v1${path}${text ? `?${text}` : ""}`;
}

async function readProblem(response: Response): Promise<Problem> {
  const fallback: Problem = { title: response.statusText || `HTTP ${response.status}`, status: response.status };
  if (!/[/+]json\b/.test(response.headers.get("content-type") ?? "")) return fallback;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null ? { ...fallback, ...body } : fallback;
  } catch {
    return fallback;
  }
}

/** getJson is the one way the pages read the server. An aborted request rejects with the signal's own reason. */
export async function getJson<T>(path: string, params?: Params, signal?: AbortSignal): Promise<T> {
  let response: Response;
  try {
    response = await fetch(apiUrl(path, params), { signal, headers: { accept: "application/json" } });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, {
      title: "No answer from the server",
      detail: "The request did not reach queryd. Check that it is running and that this address is its own.",
    });
  }
  if (!response.ok) throw new ApiError(response.status, await readProblem(response));
  if (!/[/+]json\b/.test(response.headers.get("content-type") ?? "")) {
    throw new ApiError(response.status, {
      title: "Unexpected answer",
      detail: `${path} answered with ${response.headers.get("content-type") ?? "no content type"} where JSON was expected.`,
    });
  }
  return (await response.json()) as T;
}

/** shouldRetry repeats what may pass by itself: no answer, overload, gateway errors. Never a 4xx. */
export function shouldRetry(failures: number, error: unknown): boolean {
  if (failures >= 2) return false;
  if (!(error instanceof ApiError)) return false;
  return error.status === 0 || error.status === 429 || error.status >= 502;
}
