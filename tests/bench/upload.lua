-- wrk script: uploads of BENCH_BYTES bytes, each a document of its own, as tenant `bench`.
local bytes = tonumber(os.getenv("BENCH_BYTES"))
local headers = {
	["X-API-Key"] = os.getenv("API_KEY"),
	["Content-Type"] = "multipart/form-data; boundary=bench",
	["Prefer"] = os.getenv("BENCH_PREFER"),
}
local threads, n, run, padding = 0, 0

function setup(thread)
	thread:set("id", threads)
	threads = threads + 1
end

-- Bytes that do not compress, as those of a PDF do not.
function init()
	local seed = io.open("/dev/urandom", "rb")
	padding = seed:read(bytes - 64)
	run = (seed:read(8):gsub(".", function(c) return string.format("%02x", c:byte()) end))
	seed:close()
end

function request()
	n = n + 1
	local file = "%PDF-1.4\n" .. padding .. string.format("\n%%%s %d %d\n%%%%EOF\n", run, id, n)
	return wrk.format("POST", "/full-process?tenant_id=bench", headers,
		'--bench\r\nContent-Disposition: form-data; name="file"; filename="bench.pdf"\r\n\r\n' ..
		file .. "\r\n--bench--\r\n")
end
