#include "common/directory/detail/pool.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::directory {

namespace {
constexpr int kPageEntries = 1000;
constexpr std::string_view kUnreachable = "no LDAP server answers";
}  // namespace

bool is_unreachable(const Error& error) {
  return error.fault == Fault::temporary && error.text.starts_with(kUnreachable);
}

Pool::Pool(const Settings& settings) : settings_(settings) {
  for (const auto& url : settings.urls) servers_.emplace_back().url = url;
}

bool Pool::may_try(const Server& server, std::int64_t now) const {
  return server.failures == 0 || (now >= server.retry_at_ms && !server.probing);
}

bool Pool::is_down() {
  const std::lock_guard lock(mutex_);
  const auto now = monotonic_ms();
  return std::ranges::none_of(servers_, [&](const Server& server) { return may_try(server, now); });
}

Pool::Counters Pool::counters() {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::unexpected<Error> Pool::unreachable() {
  const std::lock_guard lock(mutex_);
  std::string text(kUnreachable);
  for (const Server& server : servers_)
    if (!server.why.empty()) text += "; " + server.url + ": " + server.why;
  return temporary(text);
}

void Pool::failed(std::size_t index, const std::string& why, std::int64_t took_ms) {
  const std::lock_guard lock(mutex_);
  Server& server = servers_[index];
  if (server.failures == 0 || server.why != why)
    log::Event("directory.down").with("url", server.url).with("why", why).warning();
  auto pause = std::min(settings_.retry_max_ms, settings_.retry_min_ms << std::min(server.failures, 10));
  // A server that swallows connections is asked rarely while others serve: each try costs somebody its
  // time-out.
  if (servers_.size() > 1) pause = std::max(pause, 10 * took_ms);
  ++server.failures;
  ++counters_.failures;
  server.why = why;
  server.probing = false;
  // Daemons that lost the server at the same moment do not all come back at the same moment.
  server.retry_at_ms = monotonic_ms() + pause - static_cast<std::int64_t>(random_u64() % (pause / 4 + 1));
  const auto count = open_ - idle_.size();
  std::erase_if(idle_, [&](const Lease& lease) { return lease.server == index; });
  open_ = count + idle_.size();
  place_free_.notify_all();
}

void Pool::worked(std::size_t index) {
  const std::lock_guard lock(mutex_);
  Server& server = servers_[index];
  if (server.failures > 0)
    log::Event("directory.up").with("url", server.url).with("failures", server.failures).notice();
  server.failures = 0;
  server.probing = false;
  server.why.clear();
}

bool Pool::take_idle(Lease& lease, std::int64_t now) {
  while (!idle_.empty()) {
    lease = std::move(idle_.back());
    idle_.pop_back();
    if (now - lease.connection->born_ms() < settings_.connection_age_seconds * 1000) {
      lease.fresh = false;
      return true;
    }
    lease.connection.reset();
    --open_;
  }
  return false;
}

Result<Pool::Lease> Pool::acquire(std::int64_t deadline_ms) {
  for (std::size_t tries = 0; tries <= servers_.size(); ++tries) {
    Lease lease;
    {
      std::unique_lock lock(mutex_);
      while (true) {
        if (take_idle(lease, monotonic_ms())) return lease;
        if (open_ < settings_.connections) break;
        const auto left = deadline_ms - monotonic_ms();
        if (left <= 0)
          return temporary(std::string(kUnreachable) +
                           " in time: all connections are busy; raise directory.poolsize");
        place_free_.wait_for(lock, std::chrono::milliseconds(left));
      }
      const auto now = monotonic_ms();
      const auto server =
          std::ranges::find_if(servers_, [&](const Server& one) { return may_try(one, now); });
      if (server == servers_.end() || now >= deadline_ms) break;
      server->probing = server->failures > 0;
      lease.server = static_cast<std::size_t>(server - servers_.begin());
      ++open_;
      ++counters_.connects;
    }
    Trouble trouble = Trouble::none;
    std::string why;
    const auto begun = monotonic_ms();
    lease.connection =
        Connection::open(servers_[lease.server].url, settings_.bind_dn, settings_.bind_password, settings_,
                         settings_.connect_timeout_ms, trouble, why);
    lease.fresh = true;
    if (lease.connection) {
      worked(lease.server);
      return lease;
    }
    if (trouble == Trouble::credentials)
      why = "bind as " + printable(settings_.bind_dn) +
            " refused; check directory.binddn and directory.bindpassword";
    failed(lease.server, why, monotonic_ms() - begun);
    drop(std::move(lease));
  }
  return unreachable();
}

void Pool::release(Lease lease) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(lease));
  place_free_.notify_one();
}

void Pool::drop(Lease lease) {
  lease.connection.reset();
  const std::lock_guard lock(mutex_);
  --open_;
  place_free_.notify_one();
}

Result<Entries> Pool::search(const SearchRequest& request) {
  // One try for every server, and one for an old connection that turns out to be dead.
  for (std::size_t tries = 0; tries <= servers_.size() + settings_.connections; ++tries) {
    const auto deadline = monotonic_ms() + settings_.search_timeout_ms + settings_.connect_timeout_ms;
    TRY(auto lease, acquire(deadline));
    {
      const std::lock_guard lock(mutex_);
      ++counters_.searches;
    }
    Entries entries;
    std::string why;
    const auto begun = monotonic_ms();
    const auto trouble = lease.connection->search(request, settings_.search_timeout_ms, entries, why);
    if (trouble != Trouble::connection) {
      const auto server = servers_[lease.server].url;
      release(std::move(lease));
      if (trouble == Trouble::none) return entries;
      if (trouble == Trouble::limit)
        return permanent("LDAP search below " + printable(request.base) + " for " +
                         printable(request.filter) + ": more entries than allowed: " + why);
      return temporary(server + ": search below " + printable(request.base) + " for " +
                       printable(request.filter) + ": " + why);
    }
    // An idle connection may have died long ago without a word; a new one, or silence, is the server's fault.
    const auto server = lease.server;
    const bool blame = lease.fresh || monotonic_ms() - begun >= settings_.search_timeout_ms / 2;
    drop(std::move(lease));
    if (blame) failed(server, why, monotonic_ms() - begun);
  }
  return unreachable();
}

Result<> Pool::search_pages(const SearchRequest& request,
                            const std::function<Result<>(const Entries&)>& visit) {
  for (std::size_t tries = 0; tries <= servers_.size() + settings_.connections; ++tries) {
    TRY(auto lease, acquire(monotonic_ms() + settings_.search_timeout_ms + settings_.connect_timeout_ms));
    std::string cookie, why;
    bool begun = false;
    do {
      Entries page;
      {
        const std::lock_guard lock(mutex_);
        ++counters_.searches;
      }
      const auto trouble = lease.connection->search_page(request, settings_.search_timeout_ms, kPageEntries,
                                                         cookie, page, why);
      // The cookie is good on this connection only: what has begun cannot go on elsewhere.
      if (trouble == Trouble::connection && !begun) break;
      Result<> seen;
      if (trouble != Trouble::none)
        seen = temporary(servers_[lease.server].url + ": search below " + printable(request.base) + " for " +
                         printable(request.filter) + ": " + why);
      else
        seen = visit(page);
      // A connection that is left in the middle of a search keeps the server's memory.
      if (!seen || cookie.empty())
        seen&& trouble == Trouble::none ? release(std::move(lease)) : drop(std::move(lease));
      if (!seen || cookie.empty()) return seen;
      begun = true;
    } while (true);
    const auto server = lease.server;
    const bool blame = lease.fresh;
    drop(std::move(lease));
    if (blame) failed(server, why, 0);
  }
  return unreachable();
}

Result<bool> Pool::verify_bind(const std::string& dn, const std::string& password) {
  if (password.empty() || dn.empty()) return false;
  for (std::size_t tries = 0; tries <= servers_.size(); ++tries) {
    std::size_t index = 0;
    std::string url;
    {
      const std::lock_guard lock(mutex_);
      const auto now = monotonic_ms();
      const auto server =
          std::ranges::find_if(servers_, [&](const Server& one) { return may_try(one, now); });
      if (server == servers_.end()) break;
      server->probing = server->failures > 0;
      index = static_cast<std::size_t>(server - servers_.begin());
      url = server->url;
      ++counters_.connects;
    }
    Trouble trouble = Trouble::none;
    std::string why;
    const auto begun = monotonic_ms();
    const auto connection =
        Connection::open(url, dn, password, settings_, settings_.connect_timeout_ms, trouble, why);
    if (trouble == Trouble::connection) {
      failed(index, why, monotonic_ms() - begun);
      continue;
    }
    worked(index);
    return connection != nullptr;
  }
  return unreachable();
}

}  // namespace waxwing::directory
