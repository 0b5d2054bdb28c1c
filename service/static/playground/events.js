// Server-sent events out of the body of any response: `EventSource` can only GET.

/** Yield { event, data } for each event of a stream of bytes; data are JSON. Comments, which keep it awake, are skipped. */
export async function* readEvents(stream) {
  let text = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const blocks = (text + value.replaceAll("\r", "")).split("\n\n");
      text = blocks.pop();
      yield* blocks.map(readEvent).filter((event) => event !== null);
    }
  } finally {
    await reader.cancel();
  }
}

function readEvent(block) {
  const fields = block.split("\n").filter((line) => line && !line.startsWith(":"));
  const of = (name) => fields.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  const data = of("data").join("\n");
  return data ? { event: of("event")[0] ?? "message", data: JSON.parse(data) } : null;
}
