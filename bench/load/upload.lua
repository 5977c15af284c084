-- Each request brings `length` bytes. wrk makes one request of this and sends it again and again.

function init(arguments)
    wrk.method = "POST"
    wrk.body = string.rep("x", tonumber(arguments[1]))
    wrk.headers["Content-Type"] = "application/octet-stream"
end
