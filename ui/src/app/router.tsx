import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  retainSearchParams,
  type RouterHistory,
} from "@tanstack/react-router";
import { NotFoundPage, RouteErrorPage } from "./fallbacks";
import {
  parseSearch,
  stringifySearch,
  validateBuild,
  validateBuilds,
  validateDora,
  validateError,
  validateErrors,
  validateFlaky,
  validatePipelines,
  validateRange,
  validateTrace,
  validateTraces,
} from "./search";
import { Shell } from "./Shell";

const root = createRootRoute({
  component: Shell,
  validateSearch: validateRange,
  // The time range goes along to every page.
  search: { middlewares: [retainSearchParams(["from", "to", "live"])] },
  notFoundComponent: NotFoundPage,
  errorComponent: RouteErrorPage,
});

const index = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/errors", replace: true });
  },
});

const errors = createRoute({
  getParentRoute: () => root,
  path: "/errors",
  validateSearch: validateErrors,
  component: lazyRouteComponent(() => import("@/features/errors/ErrorsPage"), "ErrorsPage"),
});

const error = createRoute({
  getParentRoute: () => root,
  path: "/errors/$fingerprint",
  validateSearch: validateError,
  component: lazyRouteComponent(() => import("@/features/errors/ErrorPage"), "ErrorPage"),
});

const traces = createRoute({
  getParentRoute: () => root,
  path: "/traces",
  validateSearch: validateTraces,
  component: lazyRouteComponent(() => import("@/features/traces/TracesPage"), "TracesPage"),
});

const trace = createRoute({
  getParentRoute: () => root,
  path: "/traces/$traceId",
  validateSearch: validateTrace,
  component: lazyRouteComponent(() => import("@/features/traces/TracePage"), "TracePage"),
});

const builds = createRoute({
  getParentRoute: () => root,
  path: "/builds",
  validateSearch: validateBuilds,
  component: lazyRouteComponent(() => import("@/features/builds/BuildsPage"), "BuildsPage"),
});

const build = createRoute({
  getParentRoute: () => root,
  path: "/builds/$buildId",
  validateSearch: validateBuild,
  component: lazyRouteComponent(() => import("@/features/builds/BuildPage"), "BuildPage"),
});

const pipelines = createRoute({
  getParentRoute: () => root,
  path: "/pipelines",
  validateSearch: validatePipelines,
  component: lazyRouteComponent(() => import("@/features/pipelines/PipelinesPage"), "PipelinesPage"),
});

const flaky = createRoute({
  getParentRoute: () => root,
  path: "/flaky",
  validateSearch: validateFlaky,
  component: lazyRouteComponent(() => import("@/features/flaky/FlakyPage"), "FlakyPage"),
});

const dora = createRoute({
  getParentRoute: () => root,
  path: "/dora",
  validateSearch: validateDora,
  component: lazyRouteComponent(() => import("@/features/dora/DoraPage"), "DoraPage"),
});

const routeTree = root.addChildren([index, errors, error, traces, trace, builds, build, pipelines, flaky, dora]);

export function makeRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    history,
    parseSearch,
    stringifySearch,
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    pathParamsAllowedCharacters: [":"],
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
