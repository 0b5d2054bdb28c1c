// Work that follows a hand: one piece at a time.

/** `ask(item)` replaces the item that waits for `work(item, signal)`; `drop()` forgets and aborts all. */
export function createLine(work) {
  let running = null;
  let next = null;
  const run = async () => {
    while (next !== null) {
      const item = next;
      next = null;
      running = new AbortController();
      await work(item, running.signal);
    }
    running = null;
  };
  return {
    ask(item) {
      next = item;
      if (running === null) run();
    },
    drop() {
      next = null;
      running?.abort();
    },
  };
}
