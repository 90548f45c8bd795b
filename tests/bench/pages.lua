-- wrk script: GET each of the paths in BENCH_PATHS, one per line, again and again, as operators who
-- look at each page for BENCH_PAUSE ms.
local headers = { ["X-Admin-Key"] = os.getenv("ADMIN_API_KEY") }
local paths, n = {}, 0
for path in os.getenv("BENCH_PATHS"):gmatch("[^\n]+") do
	paths[#paths + 1] = path
end

function request()
	n = n + 1
	return wrk.format("GET", paths[(n - 1) % #paths + 1], headers)
end

function delay()
	return tonumber(os.getenv("BENCH_PAUSE"))
end
