import type { Signal } from "@/api/types";

export interface Snippet {
  label: string;
  text: string;
}

/** snippets are what a newcomer pastes to make each signal arrive. The ports are those of the standalone role. */
export function snippets(host: string): Record<"otlp" | "webhook" | "artifact", Snippet> {
  return {
    otlp: {
      label: "OpenTelemetry SDK or Collector",
      text: [
        `export OTEL_EXPORTER_OTLP_ENDPOINT=http://${host}:4318`,
        "export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "# Tells Summit which code this is. A container's image digest does as well.",
        "export OTEL_RESOURCE_ATTRIBUTES=\\",
        "service.version=$(git describe --always),\\",
        "vcs.ref.head.revision=$(git rev-parse HEAD)",
      ].join("\n"),
    },
    webhook: {
      label: "GitHub webhook",
      text: [
        "gh api repos/OWNER/REPO/hooks -f name=web \\",
        `  -f config[url]=https://YOUR-PUBLIC-HOST/v1/ci/github -f config[content_type]=json \\`,
        "  -f config[secret]=YOUR-SECRET \\",
        "  -f events[]=workflow_run -f events[]=workflow_job -f events[]=deployment \\",
        "  -f events[]=deployment_status -f events[]=push",
      ].join("\n"),
    },
    artifact: {
      label: "Built by this run, deployed there",
      text: `curl http://${host}:4320/v1/ci/events -H 'content-type: application/json' --data @- <<EOF
{"events": [
  {"type": "artifact", "digest": "$IMAGE_DIGEST", "commit_sha": "$GITHUB_SHA",
   "build_run_id": "github:github.com:$GITHUB_REPOSITORY:$GITHUB_RUN_ID:$GITHUB_RUN_ATTEMPT"},
  {"type": "deployment", "provider": "github", "host": "github.com", "repo": "$GITHUB_REPOSITORY",
   "deployment_id": "production-$GITHUB_RUN_ID", "environment": "production",
   "status": "success", "digests": ["$IMAGE_DIGEST"]}]}
EOF`,
    },
  };
}

export interface Step {
  signals: Signal[];
  title: string;
  why: string;
  snippet: "otlp" | "webhook" | "artifact";
}

export const steps: Step[] = [
  { signals: ["traces"], title: "First trace", why: "Point an OpenTelemetry SDK here.", snippet: "otlp" },
  { signals: ["builds"], title: "First build", why: "Let your CI tell about its runs.", snippet: "webhook" },
  { signals: ["deployments"], title: "First deployment", why: "Ties a build to what runs.", snippet: "artifact" },
  { signals: ["errors"], title: "First error", why: "Taken from exceptions in spans and logs.", snippet: "otlp" },
];
