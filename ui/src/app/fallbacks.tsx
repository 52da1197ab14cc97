import { Link } from "@tanstack/react-router";
import { MapPinOff } from "lucide-react";
import { buttonClass } from "@/components/Button";
import { ErrorState, Message } from "@/components/states";

export function NotFoundPage() {
  return (
    <Message
      icon={MapPinOff}
      title="No such page"
      actions={
        <Link to="/errors" className={`${buttonClass.base} ${buttonClass.outline}`}>
          Go to errors
        </Link>
      }
    >
      This address leads nowhere in Summit.
    </Message>
  );
}

export function RouteErrorPage({ error, reset }: { error: unknown; reset: () => void }) {
  return <ErrorState error={error} retry={reset} />;
}
