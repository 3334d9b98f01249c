// What of a channel's queue has gone on as another message although its file may still be there: marks, small files in
// ROOT/resubmit, one for each commit that took recipients of a unit of work on. For all channels that queue anew what they
// take from the queue.
//
//   <channel>=<nnn>=<id>.<NN>=<first>.<n>   key of the queue file, index of its host's first recipient, 1, 2, 3 ...
//
// A mark is in the very batch that publishes the new files (mta/queue/companion.h), its name made before theirs. So who
// dies at any point leaves one of these, and the message goes on once:
//   * no mark, and no new file under its name;
//   * a mark, and new files of which some still lie in .tmp: whoever takes the unit next publishes them too;
//   * a mark, and all new files are published, or delivered since.
// Where files of several units become one message (defragment, bsout) the first mark names the others. Until its name
// is made each is a draft, <name>.draft; who finds the draft of his unit looks whether the first mark is there.
// A commit that fails takes the mark back before the new files are removed: never is there a mark of files that are gone.
// Where the disk does not let go of it they stay, and go on.
//
// A mark that nobody has seen committed is made durable with all that it speaks of before anything follows from it, for
// what follows is the end of the old file.
//
// After a cut of the power (another run) a mark alone proves nothing: it may be of a commit that was not over, and
// have reached the disk without the new files, in part or whole; the more so on file systems that keep names in no order.
// The same is so of one that nobody looked at for an hour: what lay in .tmp may have been cleaned away. It holds when the new files are there and whole, as they are after each commit that was over: the journal brings back all
// of a batch, without one it was synced. Otherwise the message is queued anew once more. So a cut, or a channel that is
// stopped just then, can double a message whose new files are delivered and gone for good while the end of the old one,
// which comes before theirs as a rule, was lost.
//
// The name of a queue file may change while it waits (attempts, .HELD), its key does not. One that an operator sends to
// another channel (imsimta qm) is another, and so is one that was released from the channel hold.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "channels/resubmit/mark_record.h"
#include "common/base/durable.h"

namespace waxwing::channels {

// Thread-safe; programs may share one folder. A unit of work is one program's at a time (Reader::lock_host). All here but
// forget() may wait for the disk: for a worker.
class Taken {
 public:
  // The recipients of one host in one file.
  struct Unit {
    mta::queue::FileName file;
    std::size_t first = 0;  // index of the first of them, done or not
  };
  using Recipients = std::vector<std::size_t>;  // indexes

  // run: that this program is in.
  Taken(std::shared_ptr<mta::queue::Queue> queue, std::string folder,
        const std::string& run = durable::run_id());

  // Which of these recipients have gone on, and the queue ids they went on as.
  using GoneOn = std::map<std::size_t, std::string>;
  Result<GoneOn> of(const Unit& unit, const Recipients& recipients);
  // The unit's file has left the queue: its marks go.
  void forget(const Unit& unit) const;
  // Marks and drafts of files that have left the queue go.
  Result<> clean(const std::string& channel) const;

 private:
  friend class TakenMark;
  std::string name_of(const Unit& unit, unsigned number) const;
  std::string path_of(const std::string& name) const { return folder_ + "/" + name; }
  std::string draft_of(const std::string& name) const;
  Result<bool> take_up_draft(const std::string& name);
  Result<std::optional<MarkRecord>> first_of(const MarkRecord& record) const;
  Result<bool> holds(const std::string& name, const MarkRecord& record);
  Result<bool> is_queued(const MarkRecord& record) const;
  Result<> publish_rest(const MarkRecord& record) const;
  Result<> publish_drafts(const MarkRecord& record) const;
  Result<> make_durable(const MarkRecord& record) const;
  bool is_confirmed(const std::string& queue_id) const;
  void confirm(const std::string& queue_id);

  const std::shared_ptr<mta::queue::Queue> queue_;
  const std::string folder_, run_;
  mutable std::mutex mutex_;
  std::deque<std::string> confirmed_;  // queue ids of commits that are known to be over, the last ones
};

}  // namespace waxwing::channels
