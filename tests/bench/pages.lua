-- wrk script: GET each of the paths in BENCH_PATHS, one per line, again and again, as operators do who
-- look at each page for BENCH_PAUSE ms on average, each in a time of his own.
local headers = { ["X-Admin-Key"] = os.getenv("ADMIN_API_KEY") }
local paths, n, threads = {}, 0, 0
for path in os.getenv("BENCH_PATHS"):gmatch("[^\n]+") do
	paths[#paths + 1] = path
end

function setup(thread)
	threads = threads + 1
	thread:set("number", threads)
end

function init()
	math.randomseed(number)
	n = math.random(#paths)
end

function request()
	n = n + 1
	return wrk.format("GET", paths[(n - 1) % #paths + 1], headers)
end

function delay()
	return math.random(0, 2 * tonumber(os.getenv("BENCH_PAUSE")))
end
