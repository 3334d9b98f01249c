// The queue tree of an instance: names, scanning, and word to the job controller.
//
//   queue/<channel>/<nnn>/ZZ<id>.<NN>     a message waiting; ZZ steps down once an attempt: ZZ, ZY .. ZA, YZ
//   .. AA queue/<channel>/<nnn>/ZZ<id>.HELD     held, see qm(8): the copy number stays in front:
//   ZZ<id>.00.HELD queue/<channel>/.stopped              the operator has stopped this channel
//   queue/.tmp/<id>                       being written; nothing is promised about it
//   queue/.damaged/<channel>_<name>       set aside: not a whole queue file
// <nnn> is 000 to 099 and moves on with the clock, so that messages of the same moment share a directory
// (and its flush). The directory a file stands in says whose channel it is; the tree is the truth.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/record.h"
#include "common/base/result.h"

namespace waxwing::mta::queue {

// A queue file's name taken apart. relative() is what goes over sockets: "tcp_local/042/ZZ01J….00".
struct FileName {
  std::string channel;
  std::string bucket;     // "042"
  unsigned attempts = 0;  // 0: ZZ
  std::string id;         // unique part
  std::string copy;       // "00"
  bool held = false;

  std::string relative() const;
  // The same for every name the file ever has: "tcp_local/042/01J….00".
  std::string key() const;
  static Result<FileName> parse(std::string_view relative);
};
// Channel names as the MTA allows them: 1 to 32 of a-z 0-9 _ $ - (and . for site channels), not starting with
// '.'.
bool is_channel_name(std::string_view name);

// Thread-safe. One a process.
class Queue {
 public:
  // directory: ROOT/queue; job_controller_socket: ROOT/run/job_controller.
  Queue(std::string directory, std::string job_controller_socket);
  ~Queue();

  const std::string& directory() const { return directory_; }
  std::string path_of(const FileName& name) const { return directory_ + "/" + name.relative(); }
  std::string path_of(std::string_view relative) const { return directory_ + "/" + std::string(relative); }

  // Makes queue/<channel>/<nnn> when it is missing and puts the directories that changed into the batch.
  Result<> ensure_bucket(const std::string& channel, const std::string& bucket, durable::Batch& batch);
  // The record goes to the job controller without waiting; when it is not there nothing is lost: it reads
  // the tree when it starts. Opens and keeps the connection.
  void tell_job_controller(const Record& record);

  // Renames; the file keeps its inode. Not durable by itself: a held message that a power cut releases, or a
  // count of attempts that is one short, does no harm.
  Result<FileName> rename_attempts(const FileName& name, unsigned attempts) const;
  Result<FileName> hold(const FileName& name) const;
  Result<FileName> release(const FileName& name) const;  // from the hold channel: goes to reprocess
  // Moves a damaged file out of the way and logs an error with its new name and the reason.
  void set_aside(const FileName& name, const std::string& why) const;
  Result<> remove(const FileName& name) const;  // missing is success

  std::vector<std::string> channels() const;  // directories of the tree, sorted
  bool is_stopped(const std::string& channel) const;
  Result<> set_stopped(const std::string& channel, bool stopped) const;
  // Calls visit for every queue file of one channel (held ones too) in no order; false from visit ends the
  // scan. Unparsable names are logged, once a scan. Removes nothing.
  Result<> scan(const std::string& channel, const std::function<bool(const FileName&)>& visit) const;
  // The same a directory at a time, for trees too large to hold.
  Result<std::vector<std::string>> buckets(const std::string& channel) const;
  Result<std::vector<FileName>> list_bucket(const std::string& channel, const std::string& bucket) const;
  // Removes files in .tmp that nobody has written to for that long.
  void clean_temporary(std::int64_t older_than_seconds) const;

 private:
  std::string directory_;
  std::string socket_path_;
  std::mutex mutex_;
  std::unordered_set<std::string> known_buckets_;
  UniqueFd socket_;
};

}  // namespace waxwing::mta::queue
