-- One kind of load for wrk: counts what is sent and what is answered, and tells which release answered when.
--
-- LOAD_PAUSE   milliseconds between an answer and the next request of a connection
-- LOAD_STOP    a file; while it is there no request is sent, so that nothing is under way when wrk ends
-- LOAD_MARKER  set when each answer's body is the number of the release that gave it
--
-- Each connection has a thread of its own, which sleeps between its requests. wrk's own delay() would not do: it holds a
-- new connection open before its first request, and loses count of a connection that is closed meanwhile.

local ffi = require("ffi")
ffi.cdef([[
    typedef struct { long seconds; long nanoseconds; } moment;
    int clock_gettime(int clock, moment *at);
    int poll(void *files, unsigned long count, int milliseconds);
]])

local PAUSE = tonumber(os.getenv("LOAD_PAUSE"))
local STOP = os.getenv("LOAD_STOP")
local MARKER = os.getenv("LOAD_MARKER")
local threads = {}
local moment = ffi.new("moment")
local message

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   -- Not "local", since done() reads them from outside of the thread; it can read no tables.
   sent, answered, lost, stopped = 0, 0, 0, false
   rows_told, losses_told = "", ""
   -- Answers of one release in a row: its number, how many, time of the first and of the last, in seconds since 1970.
   rows, number = {}, nil
   -- When it was found that a request had got no answer.
   losses = {}
   message = wrk.format()
end

local function now()
   ffi.C.clock_gettime(0, moment)
   return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

local function stop_asked()
   local file = io.open(STOP)
   if file then file:close() end
   return file ~= nil
end

local function tell()
   local shown = {}
   for _, row in ipairs(rows) do
      table.insert(shown, string.format("[%q,%d,%.3f,%.3f]", row[1], row[2], row[3], row[4]))
   end
   rows_told, losses_told = table.concat(shown, ","), table.concat(losses, ",")
end

function request()
   if sent - answered > lost and answered > 0 then
      lost = sent - answered
      table.insert(losses, string.format("%.3f", now()))
   end
   while stop_asked() do
      if not stopped then tell() end
      stopped = true
      ffi.C.poll(nil, 0, 20)
   end
   -- wrk asks for one beforehand, only to look at it, so counting begins with the first answer.
   if not stopped then sent = answered > 0 and sent + 1 or 1 end
   return message
end

function response(status, headers, body)
   if stopped then return end
   answered = answered + 1
   if MARKER and status == 200 then
      local at = now()
      if body ~= number then
         number = body
         table.insert(rows, {number, 0, at, at})
      end
      local row = rows[#rows]
      row[2], row[4] = row[2] + 1, at
   end
   ffi.C.poll(nil, 0, PAUSE)
end

function done(summary, latency, requests)
   local all = {sent = 0, answered = 0}
   local told = {rows = {}, losses = {}}
   for _, thread in ipairs(threads) do
      all.sent = all.sent + thread:get("sent")
      all.answered = all.answered + thread:get("answered")
      for name, texts in pairs(told) do
         local text = thread:get(name .. "_told")
         if text ~= "" then table.insert(texts, text) end
      end
   end
   local errors = summary.errors
   print(string.format('{"sent":%d,"answered":%d,"slowest_ms":%.0f,"rows":[%s],"losses":[%s],',
      all.sent, all.answered, latency.max / 1000, table.concat(told.rows, ","), table.concat(told.losses, ","))
      .. string.format('"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}}',
      errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
