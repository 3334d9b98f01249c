// An IMAP server as BURL needs it: log in as the submit user, fetch one URL (URLFETCH, RFC 4467), piece by piece.
//
//   auto fetcher = co_await UrlFetcher::open(loop, resolver, settings, host);
//   auto size = co_await fetcher->begin(url);      // nothing: the URL leads nowhere
//   for (;;) { auto piece = co_await fetcher->next(); ... until it is empty }   // then it was there whole
//
// Every error is temporary: the server is away, slow, or does not let this host log in. The text is for the log.
// A password goes over TLS, but to a server on this host that takes it in clear. Memory is one piece. Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/dns.h"
#include "common/net/stream.h"
#include "smtpd/burl_settings.h"

namespace waxwing::smtpd {

class UrlFetcher {
 public:
  static Task<Result<std::unique_ptr<UrlFetcher>>> open(EventLoop& loop, Resolver& resolver,
                                                        std::shared_ptr<const BurlSettings> settings,
                                                        BurlHost host);
  // url: as parse_imap_url() takes it, so nothing in it needs an escape. Once. Answers the size in bytes.
  Task<Result<std::optional<std::uint64_t>>> begin(std::string url);
  // Empty: that was all, and the server says that it was all.
  Task<Result<std::string>> next();

  UrlFetcher(Stream stream, std::shared_ptr<const BurlSettings> settings, BurlHost host);

 private:
  struct Capabilities {
    bool urlauth = false, plain = false, starttls = false, login_disabled = false;
  };
  Task<Result<>> log_in();
  Task<Result<>> secure();
  Task<Result<>> capabilities();
  Task<Result<std::string>> line();
  // Sends it with a tag and reads to the tagged answer.
  Task<Result<>> ask(std::string command);
  Task<Result<>> tagged();
  Result<> take_answer(std::string_view value);
  std::unexpected<Error> trouble(std::string_view what) const;

  Stream stream_;
  std::shared_ptr<const BurlSettings> settings_;
  BurlHost host_;
  const std::int64_t until_ms_;
  int tag_ = 0;
  Capabilities can_;
  bool leads_nowhere_ = false;
  std::optional<std::string> quoted_;  // the answer was no literal
  std::uint64_t left_ = 0;
};

}  // namespace waxwing::smtpd
