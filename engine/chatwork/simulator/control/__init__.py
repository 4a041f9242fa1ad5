"""The control API: what people do in Chatwork's web page, and what a test wants to see or break.

JSON in, JSON out, no token; paths are below `/_world`. Refusals look like the API's: `{"errors": ["…"]}`.

| request                              | body                                              | answer                  |
|--------------------------------------|---------------------------------------------------|-------------------------|
| `GET /`                              |                                                   | now, accounts, rooms    |
| `POST /accounts`                     | name, account_id?, token?, …                      | its id, token, My Chat  |
| `POST /rooms`                        | name, members {id: role}, room_id?, link_code?, … | room_id                 |
| `PUT /rooms/{room}`                  | show_members?, only_admins_write?                 | room_id                 |
| `PUT /rooms/{room}/members`          | account_id, role (null: out), silently            | members                 |
| `POST /contacts`                     | from_id, to_id                                    | room_id (direct chat)   |
| `POST /requests`                     | from_id, to_id, message?                          | request_id              |
| `POST /joins`                        | account_id, code                                  | joined (false: waits)   |
| `POST /rooms/{room}/approvals`       | admin_id, account_id                              | joined                  |
| `POST /rooms/{room}/leavings`        | account_id                                        | left                    |
| `GET /rooms/{room}/messages`         |                                                   | every message, with who |
| `POST /rooms/{room}/messages`        | account_id, body                                  | message_id              |
| `PUT /rooms/{room}/messages/{id}`    | body (its author edits it)                        | message_id              |
| `DELETE /rooms/{room}/messages/{id}` |                                                   | message_id              |
| `GET /webhooks`                      |                                                   | every webhook           |
| `POST /webhooks`                     | account_id, url, events, room_id?, setting_id?, … | the webhook             |
| `PUT /webhooks/{setting}`            | status? (valid, invalid), url?                    | the webhook             |
| `GET /deliveries`                    | query settled=1: once none is pending             | every delivery          |
| `GET /tally`                         |                                                   | deliveries by their end |
| `POST /clock`                        | advance (seconds)                                 | now                     |
| `GET/POST/DELETE /faults`            | kind, count?, method?                             | ordered faults          |
| `GET/PUT/DELETE /vendors/{name}`     | status (what the inbox answers)                   | status, received        |

A vendor's inbox itself is at `/_vendors/{name}` and takes whatever is posted there.
Kinds of faults: `answer_429`, `answer_500`, `hang_after_acting`, `reset_after_acting`, `drop_webhooks`.
"""
