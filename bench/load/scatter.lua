-- Each request for a tenant at random, of the first `count`.

local count

function init(arguments)
    count = tonumber(arguments[1])
    math.randomseed(7)
end

function request()
    return wrk.format("GET", "/", { Host = "t" .. math.random(0, count - 1) .. ".example.com" })
end
