import { Away } from "./Away.tsx";
import type { Gate } from "./gate.ts";
import { SignIn } from "./SignIn.tsx";
import { useStore } from "./useStore.ts";
import { Workspace } from "./Workspace.tsx";

export function App({ gate }: { readonly gate: Gate }) {
  const state = useStore(gate.state);
  switch (state.kind) {
    case "signed-out":
      return <SignIn notice={state.notice} onToken={(token) => gate.signIn(token)} />;
    case "checking":
      return <Away title="Signing in…" detail="Asking the hub whether it knows this token." onLeave={null} />;
    case "away":
      return (
        <Away
          title={state.title}
          detail={`${state.message} It is tried again by itself; this page continues as soon as it is back.`}
          onLeave={() => gate.signOut()}
        />
      );
    case "signed-in":
      return <Workspace session={state.session} onSignOut={() => gate.signOut()} />;
  }
}
