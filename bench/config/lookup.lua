-- Where does the tenant of this request live? The dictionary's word, else the resolution API's.

local cjson = require("cjson.safe")

local FRESH_SECONDS = 600
local TIMEOUT_MS = 5000
local MISSING_PRIORITY = 999

local lookup = {}

-- The tenant in a host's name: of the last label before the domain, what follows its last dash.
local function tenant_of(host, suffix)
    if host:sub(-#suffix) ~= suffix then
        return nil
    end
    local label = host:sub(1, -#suffix - 1):match("[^.]+$")
    return label and label:match("([a-z0-9]+)$")
end

local function best_of(routes)
    local best
    for _, route in ipairs(routes) do
        if not best or (route.priority or MISSING_PRIORITY) < (best.priority or MISSING_PRIORITY) then
            best = route
        end
    end
    return best
end

-- A tunnel is spoken to in plain http, whatever its scheme says.
local function url_of(route)
    local scheme = route.source == "tunnel" and "http" or route.scheme or "https"
    return scheme .. "://" .. route.ip .. ":" .. (route.port or 443)
end

-- HTTP/1.0, so that the answer ends with the connection and is never chunked.
local function ask(address, port, tenant)
    local socket = ngx.socket.tcp()
    socket:settimeout(TIMEOUT_MS)
    local connected, fault = socket:connect(address, port)
    if not connected then
        return nil, fault
    end
    socket:send("GET /resolve/v2/" .. tenant .. " HTTP/1.0\r\nHost: api\r\nAccept: application/json\r\n\r\n")
    local answer = socket:receive("*a")
    socket:close()
    return answer and answer:match("^HTTP/1%.[01] 200 .-\r\n\r\n(.*)$")
end

function lookup.route_request(address, port, suffix)
    local tenant = tenant_of(ngx.var.host, suffix)
    if not tenant then
        return ngx.exit(404)
    end
    local routes = ngx.shared.routes
    local body = routes:get(tenant)
    if not body then
        body = ask(address, port, tenant)
        if not body then
            return ngx.exit(502)
        end
        routes:set(tenant, body, FRESH_SECONDS)
    end
    -- A dictionary shared by workers holds text: the answer is read anew for each request.
    local answer = cjson.decode(body)
    local best = answer and best_of(answer.routes or {})
    if not best then
        return ngx.exit(502)
    end
    ngx.var.route = url_of(best)
end

return lookup
