import clsx from "clsx";
import { X } from "lucide-react";
import { type KeyboardEvent, useId, useState } from "react";

interface FilterInputProps {
  label: string;
  value: string | undefined;
  onChange: (value: string | undefined) => void;
  placeholder?: string;
  suggestions?: string[];
  /** Says what is wrong with the text; null when it can be used. */
  check?: (text: string) => string | null;
  primary?: boolean;
  className?: string;
}

/**
 * FilterInput holds its text until Enter or the loss of focus, then writes it to the address. The key remounts it when
 * the address changes from elsewhere.
 */
export function FilterInput(props: FilterInputProps) {
  return <FilterField key={props.value ?? ""} {...props} />;
}

function FilterField({ label, value, onChange, placeholder, suggestions, check, primary, className }: FilterInputProps) {
  const id = useId();
  const [text, setText] = useState(value ?? "");
  const problem = text && check ? check(text) : null;
  const commit = () => {
    const next = text.trim() || undefined;
    if (next !== value && !problem) onChange(next);
  };
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape") {
      event.preventDefault();
      setText(value ?? "");
      event.currentTarget.blur();
    }
  };
  return (
    <label
      className={clsx(
        "inline-flex h-7 items-center gap-1.5 rounded-md border bg-bg pl-2 text-xs focus-within:border-accent",
        problem ? "border-bad-fill" : value ? "border-line-strong" : "border-line",
        className,
      )}
      title={problem ?? undefined}
    >
      <span className="shrink-0 text-muted">{label}</span>
      <input
        data-filter={primary ? "" : undefined}
        value={text}
        list={suggestions ? id : undefined}
        placeholder={placeholder}
        aria-invalid={problem ? true : undefined}
        onChange={(event) => setText(event.target.value)}
        onBlur={commit}
        onKeyDown={onKey}
        spellCheck={false}
        className="h-full w-full min-w-0 bg-transparent pr-2 text-fg outline-none placeholder:text-muted"
      />
      {value && (
        <button
          type="button"
          aria-label={`Clear ${label}`}
          onClick={() => onChange(undefined)}
          className="mr-1 rounded p-0.5 text-muted hover:bg-hover hover:text-fg"
        >
          <X size={12} aria-hidden />
        </button>
      )}
      {suggestions && (
        <datalist id={id}>
          {suggestions.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </datalist>
      )}
      {problem && <span className="sr-only">{problem}</span>}
    </label>
  );
}

interface FilterSelectProps {
  label: string;
  value: string | undefined;
  options: readonly string[];
  onChange: (value: string | undefined) => void;
}

export function FilterSelect({ label, value, options, onChange }: FilterSelectProps) {
  return (
    <label
      className={clsx(
        "inline-flex h-7 items-center gap-1 rounded-md border bg-bg pl-2 text-xs focus-within:border-accent",
        value ? "border-line-strong" : "border-line",
      )}
    >
      <span className="shrink-0 text-muted">{label}</span>
      <select
        value={value ?? ""}
        onChange={(event) => onChange(event.target.value || undefined)}
        className="h-full rounded-md bg-bg pr-1 text-fg outline-none"
      >
        <option value="">any</option>
        {options.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}

/** FilterChip is a filter that came with a link and has no field of its own. */
export function FilterChip({ label, value, onClear }: { label: string; value: string; onClear: () => void }) {
  return (
    <span className="inline-flex h-7 max-w-72 items-center gap-1.5 rounded-md border border-line-strong bg-accent-soft pl-2 text-xs">
      <span className="shrink-0 text-muted">{label}</span>
      <span className="mono truncate" title={value}>
        {value}
      </span>
      <button
        type="button"
        aria-label={`Clear ${label}`}
        onClick={onClear}
        className="mr-1 rounded p-0.5 text-muted hover:bg-hover hover:text-fg"
      >
        <X size={12} aria-hidden />
      </button>
    </span>
  );
}
