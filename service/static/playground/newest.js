// One request at a time, and always for the newest that was asked for.

/**
 * A function `ask(what)` that calls `send(what)` when the one before has come back, leaving out what was asked for in
 * between. `send` handles its own failures.
 */
export function newestWins(send) {
  let [isBusy, waiting] = [false, []];
  return async function ask(what) {
    waiting = [what];
    if (isBusy) return;
    isBusy = true;
    while (waiting.length > 0) await send(waiting.pop());
    isBusy = false;
  };
}
