-- One event of about 150 bytes with an id of its own, and eight headers.
local counter, salt = 0, 0
thread_id = 0 -- global: setup() sets it from outside
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_id", threads)
end

function init()
  math.randomseed(os.time() + thread_id * 7919)
  salt = math.random(1, 2147483647)
end

function request()
  counter = counter + 1
  local body = string.format(
    '{"type":"player.level_up","subject":"player-%d","id":"%08x-%02x-%010x",' ..
    '"data":{"level":%d,"class":"mage","zone":"north-7","xp":123456,"guild":"ash"}}',
    counter % 1000, salt, thread_id, counter, counter % 80)
  return wrk.format("POST", "/api/events/trigger", {
    ["Content-Type"] = "application/json",
    ["Accept"] = "application/json",
    ["User-Agent"] = "game-server/1.0",
    ["Authorization"] = "Bearer esk_benchmark",
    ["traceparent"] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ["X-Request-Id"] = "7f3c2a",
  }, body)
end
