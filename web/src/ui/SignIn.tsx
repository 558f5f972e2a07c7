import { useRef, useState, type FormEvent } from "react";
import { Mark } from "./icons.tsx";

interface SignInProps {
  readonly notice: string | null;
  readonly onToken: (token: string) => void;
}

/** The field is not controlled by React, which would write its value into the document as an attribute. */
export function SignIn({ notice, onToken }: SignInProps) {
  const field = useRef<HTMLInputElement>(null);
  const [empty, setEmpty] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    setEmpty(token === "");
    if (token === "") field.current?.focus();
    else onToken(token);
  };
  const problem = empty ? "Paste the token first." : notice;
  return (
    <main className="door">
      <form className="door-card" onSubmit={submit} noValidate>
        <div className="door-head">
          <Mark className="door-mark" />
          <div>
            <h1>Omma</h1>
            <p className="quiet">Every camera of every site, in one place</p>
          </div>
        </div>
        <label htmlFor="token">Sign-in token</label>
        <input
          id="token"
          ref={field}
          type="password"
          className="field"
          autoComplete="off"
          spellCheck={false}
          // The only thing to do on this page.
          autoFocus
          aria-invalid={problem !== null}
          aria-describedby={problem === null ? "token-help" : "token-problem token-help"}
        />
        {problem !== null && (
          <p id="token-problem" className="problem" role="alert">
            {problem}
          </p>
        )}
        <button type="submit" className="button primary">
          Sign in
        </button>
        <div id="token-help" className="door-help">
          <p>
            The token is printed where Omma was started, on the line that begins with <code>Token:</code>. On the hub’s
            machine, this prints it again:
          </p>
          <pre>
            <code>cloud-hub token --config hub.toml</code>
          </pre>
          <p>It stays in this tab only, until the tab is closed.</p>
        </div>
      </form>
    </main>
  );
}
