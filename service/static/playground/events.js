// Server-sent events out of the body of any response: `EventSource` can only GET.

/** Yield { event, data }, data being JSON, for each event of a stream of bytes. Comments, which keep it awake, are skipped. */
export async function* readEvents(stream) {
  let text = "";
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const blocks = (text + part.value.replaceAll("\r", "")).split("\n\n");
      text = blocks.pop();
      yield* blocks.map(readEvent).filter(Boolean);
    }
  } finally {
    await reader.cancel();
  }
}

function readEvent(block) {
  const of = (name) => block.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
  const data = of("data").join("\n");
  return data && { event: of("event")[0] ?? "message", data: JSON.parse(data) };
}
