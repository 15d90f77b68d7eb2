-- Load for wrk: `wrk -s load.lua URL -- SALT SIZE KEY`.
--
-- SIZE 1 posts single events of about 150 bytes with eight headers, more posts batches. Every
-- event has an id of its own: SALT (8 characters), thread, counter. KEY names the eighth header,
-- which carries that id too; where it is Idempotency-Key the body has padding in place of the id.
-- The end prints what wrk measured as one line of JSON.

thread_id = 0 -- global: setup() sets it from outside
local threads, counter, size = 0, 0, 1
local salt, single_head, batch_headers
local HEAD = '{"type":"player.level_up","subject":"player-%03d",'
local DATA = '"data":{"level":%02d,"class":"mage","zone":"north-7","xp":123456,"guild":"%s"}}'
local WITH_ID = HEAD .. '"id":"%s",' .. DATA
local WITHOUT_ID = HEAD .. DATA
local keyed = false

function setup(thread)
  threads = threads + 1
  thread:set("thread_id", threads)
end

local function next_event()
  counter = counter + 1
  local id = string.format("%s-%02x-%010x", salt, thread_id, counter)
  local subject, level = counter % 1000, 10 + counter % 80
  if keyed then
    return string.format(WITHOUT_ID, subject, level, "ash and thirty-one letters of oak"), id
  end
  return string.format(WITH_ID, subject, id, level, "ash"), id
end

function init(args)
  salt, size, keyed = args[1], tonumber(args[2]), args[3] == "Idempotency-Key"
  local length = #next_event()
  single_head = table.concat({
    "POST /api/events/trigger HTTP/1.1",
    "Host: " .. wrk.headers["Host"],
    "Content-Type: application/json",
    "Accept: application/json",
    "User-Agent: game-server/1.0",
    "Authorization: Bearer esk_benchmark",
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "Content-Length: " .. length,
    args[3] .. ": ",
  }, "\r\n")
  batch_headers = {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer esk_benchmark",
  }
end

function request()
  if size == 1 then
    local body, id = next_event()
    return single_head .. id .. "\r\n\r\n" .. body
  end
  local parts = {}
  for n = 1, size do
    parts[n] = next_event()
  end
  local body = "[" .. table.concat(parts, ",") .. "]"
  return wrk.format("POST", "/api/events/batch", batch_headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"answers":%d,"refused":%d,"broken":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f}\n',
    summary.requests, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
