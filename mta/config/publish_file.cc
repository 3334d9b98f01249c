#include "mta/config/publish_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/random.h"

namespace waxwing::mta {

Result<> publish_file(const std::string& path, std::string_view bytes) {
  const auto temporary_path = path + "." + unique_id();
  auto fd = open_file(temporary_path, O_WRONLY | O_CREAT | O_EXCL, 0640);
  if (!fd) return std::unexpected(fd.error());
  auto done = write_all(fd->get(), bytes);
  if (done) done = durable::commit(std::move(durable::Batch().file(fd->get()).rename(temporary_path, path)));
  if (done) return done;
  ::unlink(temporary_path.c_str());
  return wrap(done.error(), path);
}

}  // namespace waxwing::mta
