import { useRouter } from "@tanstack/react-router";
import type { ComponentProps, MouseEvent } from "react";
import { appPath, httpUrl } from "@/format/text";

/**
 * AppLink follows an address the server gave: a path of this application without reloading the page, a web address in
 * a new tab. Anything else is shown as text, because senders write these values.
 */
export function AppLink({ href, children, ...props }: ComponentProps<"a"> & { href: string }) {
  const router = useRouter();
  const path = appPath(href);
  if (path) {
    const follow = (event: MouseEvent) => {
      if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      router.history.push(path);
    };
    return (
      <a href={path} onClick={follow} {...props}>
        {children}
      </a>
    );
  }
  const url = httpUrl(href);
  if (!url) return <span className={props.className}>{children}</span>;
  return (
    <a href={url} target="_blank" rel="noreferrer noopener" {...props}>
      {children}
    </a>
  );
}
