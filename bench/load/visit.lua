-- Each request another tenant, counted up from `first`.

local next_tenant

function init(arguments)
    next_tenant = tonumber(arguments[1])
end

function request()
    local host = "t" .. next_tenant .. ".example.com"
    next_tenant = next_tenant + 1
    return wrk.format("GET", "/", { Host = host })
end
