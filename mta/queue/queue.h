// The queue tree of an instance: names, scanning, and word to the job controller.
//
//   queue/<channel>/<nnn>/ZZ<id>.<NN>        a message waiting
//   queue/<channel>/<nnn>/ZZ<id>.<NN>.HELD   held, see imsimta-qm(1)
//   queue/<channel>/.stopped                 the operator has stopped this channel
//   queue/.tmp/<nn>/<id>.<NN>                being written; nothing is promised about it
//   queue/.damaged/<channel>_<name>          set aside: not a whole queue file
// ZZ steps down once an attempt: ZZ, ZY .. ZA, YZ .. AA. <NN> tells the files of a message apart,
// in all channels together: one that goes to another channel meets no other there.
// <nnn> is 000 to 099 and moves on with the clock, so that messages of the same moment share a directory
// (and its flush). The directory a file stands in says whose channel it is; the tree is the truth.
//
// The crash rule here. Content and name of a file are one durable batch, so after a power cut and the replay
// of the commit journal a message that was answered is there whole, under the name it had or a later one.
// Other states that a cut may leave, and who sees to them:
//   * Not answered, its name on disk but not all of its bytes: the footer or a checksum says so. It is set
//     aside when the tree is read, or before it is delivered (the message's own checksum is compared then).
//   * Not answered and whole: delivered. Its sender tries again and gets a second copy, as when the answer is
//     lost on the way.
//   * Two names of one message in one directory (ZZ and ZY, or with and without .HELD): the rename had
//     reached the disk, its record had not reached the journal, and replay made the old name again.
//     without_twins().
//   * A file that was done is there again: its removal was not on disk. It is delivered again; the store
//     knows the delivery by its id, another host may get a second copy. That is all a cut can double.
//   * A mark that was not committed is undone by replay: one attempt too few is counted. Marks that count
//     (delivered, failed, a warning sent) are committed before anything follows from them while the file
//     stays.
//   * Something in .tmp: never answered.
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
  // What it is called among those set aside, "tcp_local_042_ZZ01J….00", and back; an error when it never was one.
  std::string aside() const;
  static Result<FileName> parse_aside(std::string_view name);
};

struct Temporary {
  UniqueFd fd;
  std::string path;
};

// Thread-safe. One a process.
class Queue {
 public:
  // directory: ROOT/queue; job_controller_socket: ROOT/run/job_controller.
  Queue(std::string directory, std::string job_controller_socket);
  ~Queue();

  const std::string& directory() const { return directory_; }
  std::string path_of(const FileName& name) const { return directory_ + "/" + name.relative(); }
  std::string path_of(std::string_view relative) const { return directory_ + "/" + std::string(relative); }

  // Makes queue/<channel>/<nnn> when it is missing and puts the directories that changed into the batch, unless it is
  // known to be durable.
  Result<> ensure_bucket(const std::string& channel, const std::string& bucket, durable::Batch& batch);
  // A batch that ensure_bucket() had was committed. Not before: other messages rely on the directory without syncing it.
  void bucket_is_durable(const std::string& channel, const std::string& bucket);
  // The record goes to the job controller without waiting; when it is not there nothing is lost: it reads
  // the tree when it starts. Opens and keeps the connection.
  void tell_job_controller(const Record& record);

  // Not synced: a count of attempts that is one short does no harm. Blocks, where the journal has no room or the
  // file system keeps names in no order.
  Result<FileName> rename_attempts(const FileName& name, unsigned attempts) const;
  // The name the file has when the batch is committed, which renames it. What an operator asked for must not
  // be undone by a power cut.
  FileName hold(const FileName& name, durable::Batch& batch) const;
  Result<FileName> release(const FileName& name, durable::Batch& batch);  // from hold: goes to reprocess
  // Files of one bucket that bear the name of the same message: a rename was under way when the power failed.
  // Keeps one and removes the others; answers those that stay. names: a listing of one directory. Blocks.
  std::vector<FileName> without_twins(std::vector<FileName> names) const;
  std::string aside_folder() const { return directory_ + "/.damaged"; }
  // Moves a damaged file out of the way and logs an error with its new name and the reason. damaged.h lists them.
  void set_aside(const FileName& name, const std::string& why) const;
  // Missing is success; nobody waits for the disk. A file with nobody left to serve that the disk will not let go of
  // (EIO, EROFS) stays, and its marks say that all are done: nobody is served again, and each look of job_controller
  // at the tree tries to remove it. Only where the marks cannot be written either its recipients are served once
  // more; the store recognises that, a remote host may get the message twice.
  Result<> remove(const FileName& name) const;
  // The same where it must not come back: for good when the batch is committed.
  Result<> remove(const FileName& name, durable::Batch& batch) const;
  // As the first, for a file whose marks are there: what is in the way is logged, and left to the next look at the tree.
  void remove_settled(const FileName& name) const;

  Result<std::vector<std::string>> channels() const;  // directories of the tree, sorted
  bool is_stopped(const std::string& channel) const;
  Result<> set_stopped(const std::string& channel, bool stopped) const;
  // Calls visit for every queue file of one channel (held ones too) in no order; false from visit ends the
  // scan. Unparsable names are logged, once a scan. Removes nothing.
  Result<> scan(const std::string& channel, const std::function<bool(const FileName&)>& visit) const;
  // The same a directory at a time, for trees too large to hold.
  Result<std::vector<std::string>> buckets(const std::string& channel) const;
  Result<std::vector<FileName>> list_bucket(const std::string& channel, const std::string& bucket) const;
  // A new file in .tmp, open for reading and writing.
  Result<Temporary> create_temporary(const std::string& name) const;
  // Removes files in .tmp that nobody has written to for that long.
  void clean_temporary(std::int64_t older_than_seconds) const;

 private:
  std::string directory_;
  std::string socket_path_;
  std::mutex mutex_;
  std::unordered_set<std::string> durable_buckets_;
  UniqueFd socket_;
};

}  // namespace waxwing::mta::queue
