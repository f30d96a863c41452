// All panels are there: the first layer and the first image are shown.
choose({ box: Math.min(1, data.boxes.length - 1), image: 0 });
