import { X } from "lucide-react";
import { Dialog } from "radix-ui";
import { IconButton } from "@/components/Button";
import { shortcuts } from "./keyboard";

export function HelpDialog({ onClose }: { onClose: () => void }) {
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 bg-[oklch(0_0_0/0.4)]" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[14vh] left-1/2 z-50 w-[26rem] max-w-[92vw] -translate-x-1/2 rounded-lg border border-line bg-raised p-4 shadow-pop"
        >
          <div className="mb-3 flex items-center justify-between">
            <Dialog.Title className="text-base font-semibold">Keyboard</Dialog.Title>
            <Dialog.Close asChild>
              <IconButton label="Close">
                <X size={14} aria-hidden />
              </IconButton>
            </Dialog.Close>
          </div>
          <dl className="divide-y divide-line">
            {shortcuts.map(({ keys, does }) => (
              <div key={keys} className="flex items-center justify-between gap-4 py-1.5">
                <dt className="text-soft">{does}</dt>
                <dd>
                  <kbd className="rounded border border-line bg-bg px-1.5 py-0.5 text-2xs text-soft">{keys}</kbd>
                </dd>
              </div>
            ))}
          </dl>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
