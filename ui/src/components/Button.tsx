import clsx from "clsx";
import type { ComponentProps } from "react";

export const buttonClass = {
  base: "inline-flex h-7 items-center justify-center gap-1.5 rounded-md text-xs font-medium whitespace-nowrap select-none disabled:opacity-50",
  outline: "border border-line bg-panel px-2.5 text-soft hover:bg-hover hover:text-fg",
  primary: "bg-accent-fill px-3 text-white hover:brightness-110",
  ghost: "px-2 text-muted hover:bg-hover hover:text-fg",
};

type Look = "outline" | "primary" | "ghost";

export function Button({ look = "outline", className, ...props }: ComponentProps<"button"> & { look?: Look }) {
  return <button type="button" className={clsx(buttonClass.base, buttonClass[look], className)} {...props} />;
}

export function IconButton({ label, className, ...props }: ComponentProps<"button"> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={clsx(
        "inline-flex size-7 shrink-0 items-center justify-center rounded-md text-muted hover:bg-hover hover:text-fg",
        className,
      )}
      {...props}
    />
  );
}
