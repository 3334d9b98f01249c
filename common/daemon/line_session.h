// A session of a protocol of lines: SMTP, LMTP, POP3.
//
// Reads one line after the other and hands it to command(). What is answered leaves when there is nothing
// more to read, or much to write: the answers to pipelined commands go in one packet.
#pragma once

#include <cstddef>
#include <string>

#include "common/daemon/sessions.h"
#include "common/net/stream.h"

namespace waxwing {

// Loop thread only.
class LineSession : public ServerSession {
 public:
  struct Lines {
    std::size_t max_bytes;
    LineEnd end = LineEnd::crlf;
  };
  LineSession(const Sessions& sessions, Stream stream, Lines lines);

  Task<void> run() final;
  void stop() final;
  void close() final { stream_.close(); }
  const std::string& id() const final { return sid_; }

 protected:
  // TLS where it comes first, and the greeting. False: no session comes of it.
  virtual Task<bool> open() = 0;
  virtual Task<void> command(std::string line) = 0;
  // Not for an interrupt, which only asks to look whether the server stops.
  virtual void read_failed(const Error& error) = 0;
  // A transaction is open: a stop waits for its end.
  virtual bool half_done() const { return false; }
  // The server stops: the last answer.
  virtual void say_stopping() = 0;
  virtual void log_end() const = 0;

  bool server_stops() const { return sessions_.stopping(); }
  // A line of the client, for which a stop need not wait.
  Task<Result<std::string>> next_line(std::size_t max_bytes);

  Stream stream_;
  const std::string sid_;
  bool over_ = false;  // set it to end the session behind the answers written so far

 private:
  const Sessions& sessions_;
  const Lines lines_;
  bool waiting_ = false;  // in next_line()
};

}  // namespace waxwing
