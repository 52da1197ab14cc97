import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import type { Page } from "@/api/types";
import { Button } from "./Button";
import { ErrorState, SkeletonRows } from "./states";

interface ListFrameProps<T> {
  query: UseInfiniteQueryResult<InfiniteData<Page<T>>>;
  rowHeight?: number;
  empty: ReactNode;
  children: (items: T[]) => ReactNode;
}

/** pageItems joins the pages read so far. */
export function pageItems<T>(query: UseInfiniteQueryResult<InfiniteData<Page<T>>>): T[] {
  return query.data?.pages.flatMap((page) => page.items) ?? [];
}

/** pageMarks says whether any page read so far was partial or sampled. */
export function pageMarks<T>(query: UseInfiniteQueryResult<InfiniteData<Page<T>>>) {
  return {
    partial: query.data?.pages.some((page) => page.partial),
    sampled: query.data?.pages.some((page) => page.sampled),
  };
}

/** ListFrame gives every list its four states: loading, refused or failed, empty, and rows with more on demand. */
export function ListFrame<T>({ query, rowHeight, empty, children }: ListFrameProps<T>) {
  if (query.isPending) return <SkeletonRows height={rowHeight} />;
  if (query.isError && !query.data) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const items = pageItems(query);
  if (items.length === 0) return empty;
  return (
    <>
      {children(items)}
      {query.hasNextPage && (
        <div className="flex justify-center p-3">
          <Button onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>
            {query.isFetchingNextPage && <LoaderCircle size={13} aria-hidden className="animate-spin" />}
            Load more
          </Button>
        </div>
      )}
      {query.isError && <ErrorState error={query.error} retry={() => void query.refetch()} />}
    </>
  );
}
