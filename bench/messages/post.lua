-- Texts to five thousand numbers, with the keys of BENCH_KEYS in turn.
local keys, count = {}, 0
for key in os.getenv("BENCH_KEYS"):gmatch("[^,]+") do
  keys[#keys + 1] = { ["Authorization"] = "ApiKey " .. key, ["Content-Type"] = "application/json" }
end

request = function()
  count = count + 1
  local body = string.format('{"recipient": "+1415555%d", "content": "Your order %d is on its way."}', 2000 + count % 5000, count)
  return wrk.format("POST", nil, keys[1 + count % #keys], body)
end
