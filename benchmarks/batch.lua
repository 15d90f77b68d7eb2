-- Batches of 1,000 events with ids of their own.
local SIZE = 1000
local counter, salt = 0, 0
local heads, tails = {}, {}
thread_id = 0 -- global: setup() sets it from outside
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("thread_id", threads)
end

function init()
  math.randomseed(os.time() + thread_id * 7919)
  salt = math.random(1, 2147483647)
  for n = 1, SIZE do
    heads[n] = string.format('{"type":"player.level_up","subject":"player-%d","id":"', n)
    tails[n] = string.format(
      '","data":{"level":%d,"class":"mage","zone":"north-7","xp":123456}}', n % 80)
  end
end

function request()
  local parts = {}
  for n = 1, SIZE do
    counter = counter + 1
    parts[n] = heads[n] .. string.format("%08x-%02x-%010x", salt, thread_id, counter) .. tails[n]
  end
  return wrk.format("POST", "/api/events/batch", {
    ["Content-Type"] = "application/json",
    ["Authorization"] = "Bearer esk_benchmark",
  }, "[" .. table.concat(parts, ",") .. "]")
end
