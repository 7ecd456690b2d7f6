"""The proxied call and the way of its record to the ledger. Reading order:

endpoint    the steps of a call, one after the other
call        where it goes (providers: what the route means)        headers    what passes
admission   whose it is              limits     how many at once
errors      refusals of ours         sandbox    simulated answers
receiving   the body off the wire    request    what is asked (body: JSON, multipart: forms)
sending     the way out              upstream   the provider's answer
telling     what the client gets     rewriting  addresses of ours in it
relay       passing it on            meter      reading a copy of it (sse, scanning, inflating, providers)
recording   one call, one record     inflight   calls without one      journal    records on the disk
http1       HTTP/1.1 towards them    aiohttp_client  the same by aiohttp
tls         theirs                   small_reads  so that it does not pile up here
sealer      closes segments          adoption   those of the dead      shipper    segments to the ledger
publishing  by which way             tasks      the one transaction that posts them
refusals    calls without a record: what was wrong with them
process     what one process holds   lifespan   start and stop         health     what it says of itself
http_server what uvicorn leaves open towards clients        request_heads    what a request must be like
http_cycle  one request there, and its answer
http_known  requests whose heads came before (known_heads), and what follows from such a head (asking)
draining    its end without a failed call          supervisor  several processes, and one release after another
"""
