-- wrk script: GET each of the paths in BENCH_PATHS, one per line, again and again, as an operator.
local headers = { ["X-Admin-Key"] = os.getenv("ADMIN_API_KEY") }
local paths, n = {}, 0
for path in os.getenv("BENCH_PATHS"):gmatch("[^\n]+") do
	paths[#paths + 1] = path
end

function request()
	n = n + 1
	return wrk.format("GET", paths[(n - 1) % #paths + 1], headers)
end
