import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { IconButton } from "./Button";

/** CopyButton copies text and says so for a moment. */
export function CopyButton({ text, label = "Copy", className }: { text: string; label?: string; className?: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      setTimeout(() => setCopied(false), 1_500);
    } catch {
      // Without clipboard permission the text stays selectable.
    }
  };
  return (
    <IconButton label={copied ? "Copied" : label} onClick={() => void copy()} className={className}>
      {copied ? <Check size={13} className="text-ok" /> : <Copy size={13} />}
    </IconButton>
  );
}
