-- Sends prepared requests in turn, and prints what happened as one line of JSON.
-- The file: the path; header lines; an empty line; then, for each body, its length on a line and its bytes.

local requests, turn = {}, 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local path, headers = file:read("*l"), {}
  for line in file:lines() do
    if line == "" then break end
    local name, value = line:match("^(.-): (.*)$")
    headers[name] = value
  end
  local length = file:read("*l")
  while length do
    requests[#requests + 1] = wrk.format("POST", path, headers, file:read(tonumber(length)))
    length = file:read("*l")
  end
  file:close()
end

function request()
  turn = turn % #requests + 1
  return requests[turn]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "p50_us": %d, "p90_us": %d, "p99_us": %d, "max_us": %d, ' ..
    '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
    summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
