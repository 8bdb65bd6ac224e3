-- Unique clicks for wrk: one a request, or (second argument) many, a line each.
--   wrk -s clicks.lua URL -- <run: 12 hexadecimal digits> <clicks a request> [a Connection field's value]

local TAIL = '"}'
local count = 0

function init(arguments)
  local run = arguments[1]
  batch = tonumber(arguments[2])
  wrk.method = "POST"
  wrk.path = batch > 1 and "/ads/clicks" or "/ads/click"
  wrk.headers["Content-Type"] = batch > 1 and "application/x-ndjson" or "application/json"
  if arguments[3] then wrk.headers["Connection"] = arguments[3] end
  middle = "-0001-4000-8000-" .. run .. '","ad_id":"%08x-0000-4000-8000-' .. run
    .. '","name":"load test","ip":"10.0.0.1","timestamp":"' .. os.date("!%Y-%m-%dT%H:%M:%S.000Z")
  pattern = '{"clickId":"%08x' .. middle .. TAIL
end

-- Odd times counter, modulo 2^32: no two counters share an id, and ids are not in order (in order they would be kinder to an
-- index than real ones are). The factor is small enough for the product to be exact.
local function click()
  count = count + 1
  return string.format(pattern, (count * 1597463) % 4294967296, count % 100)
end

function request()
  if batch == 1 then
    return wrk.format(nil, nil, nil, click())
  end
  local lines = {}
  for index = 1, batch do
    lines[index] = click()
  end
  return wrk.format(nil, nil, nil, table.concat(lines, "\n"))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"errors":%d,"p50_ms":%.3f,"p99_ms":%.3f}\n',
    summary.requests,
    summary.duration / 1e6,
    errors.status + errors.timeout + errors.connect + errors.read + errors.write,
    latency:percentile(50) / 1000,
    latency:percentile(99) / 1000
  ))
end
